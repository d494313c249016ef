"""Markers of normalisations, sound and broken."""

from __future__ import annotations

import numpy as np
import pytest
from flatbuffers import flexbuffers

from tfedge.errors import ModelFileError
from tfedge.markers.normalization import LAYER_NORM, RMS_NORM
from tfedge_converters.graph import Graph, Model, Operator, Range, Tensor, TensorType
from tfedge_converters.graph.passes.normalization_markers import expand_normalization_markers

SHAPE = (1, 5, 4, 3)


def _real(name, shape, data=None):
    return Tensor(name, shape, TensorType.FLOAT32, data=data)


def _model(kind=LAYER_NORM, given=2, **attributes):
    row = (3,)
    operands = [_real("x", SHAPE)]
    operands += [_real(f"c{index}", row, np.ones(row, np.float32)) for index in range(given)]
    result = _real("y", SHAPE)
    marker = Operator("CUSTOM", operands, [result], custom_name=kind.name)
    known = {"epsilon": 1e-3, "axes": 1, "scales": int(given > 0), "centers": int(given > 1)}
    marker.custom_options = bytes(flexbuffers.Dumps({**known, **attributes}))
    return Model([Graph([operands[0]], [result], [marker])])


@pytest.mark.parametrize(
    ("kind", "given", "codes"),
    [
        (LAYER_NORM, 2, "MEAN SUB MUL MEAN ADD RSQRT MUL MUL ADD"),
        (LAYER_NORM, 1, "MEAN SUB MUL MEAN ADD RSQRT MUL MUL"),
        (LAYER_NORM, 0, "MEAN SUB MUL MEAN ADD RSQRT MUL"),
        (RMS_NORM, 1, "MUL MEAN ADD RSQRT MUL MUL"),
    ],
)
def test_a_marker_becomes_wide_operators(kind, given, codes):
    model = _model(kind, given)
    (y,) = model.main.outputs
    expand_normalization_markers(model)
    operators = model.main.operators
    assert [item.code for item in operators] == codes.split()
    assert all(item.bits == 16 for item in operators)
    assert [item.outputs[0].bits for item in operators] == [16] * (len(operators) - 1) + [None]
    assert operators[-1].outputs == [y]
    assert {item.outputs[0].shape for item in operators} == {SHAPE, (1, 5, 4, 1)}


def test_ranges_of_interiors_are_kept():
    model = _model(variance_lo=0.0, variance_hi=2.5)
    expand_normalization_markers(model)
    ranges = {item.outputs[0].name: item.outputs[0].range for item in model.main.operators}
    assert ranges["y/variance"] == Range(0.0, 2.5)
    assert [name for name, known in ranges.items() if known is not None] == ["y/variance"]


def test_other_operators_stay():
    model = _model()
    (x,) = model.main.inputs
    relu = Operator("RELU", [x], [_real("z", SHAPE)])
    model.main.operators.insert(0, relu)
    expand_normalization_markers(model)
    assert model.main.operators[0] is relu


@pytest.mark.parametrize(
    ("given", "attributes"),
    [
        (2, {"axes": 0}),
        (2, {"axes": 5}),
        (2, {"axes": 2}),
        (2, {"epsilon": 0.0}),
        (2, {"epsilon": float("nan")}),
        (2, {"centers": 0}),
        (1, {"centers": 1}),
        (0, {"axes": "one"}),
        (2, {"mean_lo": 2.0, "mean_hi": 1.0}),
    ],
)
def test_broken_markers_are_refused(given, attributes):
    with pytest.raises(ModelFileError, match=r"export the model again|is not a range"):
        expand_normalization_markers(_model(given=given, **attributes))
