"""What ends LiteRT's process during calibration, or makes other shapes, is refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from hostile.bases import float_twin
from random_graphs import random_model

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.graph import Graph, Model, Operator, Tensor, TensorType
from tfedge_converters.ptq import calibrate, input_specs
from tfedge_converters.ptq.constant_values import constant_values


def calibrated(model: Model) -> None:
    rng = np.random.default_rng(0)
    calibrate(model, [[rng.normal(size=s.shape).astype(s.dtype) for s in input_specs(model)]])


def one(name: str) -> Model:
    return float_twin(random_model(name, 3, 1))


def as_if_not_packed(model: Model) -> None:
    operator = model.main.operators[0]
    operator.outputs[0].shape = operator.inputs[0].shape


def empty(model: Model) -> None:
    tensor = model.main.inputs[0]
    tensor.shape = (1, 0, *tensor.shape[2:])


def without_bias(model: Model) -> None:
    del model.main.operators[0].inputs[2:]


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("pack", as_if_not_packed, "in the file, and LiteRT makes"),
        ("resize_bilinear", empty, r"float model: operator 0 \(RESIZE_BILINEAR\).*SIG"),
        ("depthwise_conv_2d", without_bias, r"float model: operator 0 \(DEPTHWISE_CONV_2D\).*SIG"),
    ],
)
def test_damaged_models_are_refused(name, damage, message):
    calibrated(one(name))
    model = one(name)
    damage(model)
    with pytest.raises(UnsupportedError, match=message):
        calibrated(model)


def test_an_operator_of_truths_whose_result_is_real():
    """A function of one activation takes it in, and the quantiser has no row for it."""
    x, y, z = (Tensor(name, (1, 4), TensorType.FLOAT32) for name in "xyz")
    operators = [Operator("RELU", [x], [y]), Operator("LOGICAL_NOT", [y], [z])]
    with pytest.raises(UnsupportedError, match=r"LOGICAL_NOT.*cannot"):
        calibrated(Model([Graph([x], [y, z], operators)]))


@pytest.mark.parametrize("type", [TensorType.RESOURCE, TensorType.STRING])
def test_constants_of_no_numbers(type):
    tensor = Tensor("w", (2, 5), type, data=np.zeros(40, np.uint8))
    with pytest.raises(TfedgeError, match=f"'w' is of type {type.name}, which has no numbers"):
        constant_values(tensor)
