"""What would crash LiteRT during calibration is refused before it runs."""

from __future__ import annotations

import numpy as np
import pytest
from hostile.bases import float_twin
from random_builder import Builder
from random_graphs import OPERATORS, random_model

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import Model, TensorType
from tfedge_converters.quantize import calibrate, input_specs
from tfedge_converters.quantize.runnable import check_runnable


def calibrated(model: Model) -> None:
    rng = np.random.default_rng(0)
    calibrate(model, [[rng.normal(size=s.shape).astype(s.dtype) for s in input_specs(model)]])


def one(name: str) -> Model:
    return float_twin(random_model(name, 3, 1))


def many_axes(model: Model) -> None:
    operator = model.main.operators[0]
    operator.options.newAxisMask |= 1
    operator.outputs[0].shape = operator.inputs[0].shape


def as_if_not_packed(model: Model) -> None:
    operator = model.main.operators[0]
    operator.outputs[0].shape = operator.inputs[0].shape


def empty(model: Model) -> None:
    tensor = model.main.inputs[0]
    tensor.shape = (1, 0, *tensor.shape[2:])


def without_bias(model: Model) -> None:
    del model.main.operators[0].inputs[2:]


def a_comparison_of_many_dimensions(model: Model) -> None:
    """Beside the real operators, which the quantiser looks at anyway."""
    b = Builder(np.random.default_rng(0))
    source = b.input((1,) * 14, type_=TensorType.BOOL)
    source.quantization = None
    b.output("EQUAL", [source, source], (1,) * 14, None, type_=TensorType.BOOL)
    b.outputs[0].quantization = None
    for ours, theirs in (("inputs", b.inputs), ("outputs", b.outputs), ("operators", b.operators)):
        getattr(model.main, ours).extend(theirs)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("strided_slice", many_axes, "its result has"),
        ("pack", as_if_not_packed, "its result has"),
        ("resize_bilinear", empty, "is empty"),
        ("depthwise_conv_2d", without_bias, "needs a bias"),
        ("add", a_comparison_of_many_dimensions, "14 dimensions"),
    ],
)
def test_what_crashes_litert_is_refused(name, damage, message):
    calibrated(one(name))
    model = one(name)
    damage(model)
    with pytest.raises(UnsupportedError, match=message):
        calibrated(model)


@pytest.mark.parametrize("name", OPERATORS)
def test_sound_operators_are_not_refused(name):
    for seed in range(3):
        check_runnable(random_model(name, seed, 2))
