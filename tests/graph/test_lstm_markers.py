"""Markers of LSTMs, sound and broken."""

from __future__ import annotations

import numpy as np
import pytest
from flatbuffers import flexbuffers

from tfedge.errors import ModelFileError
from tfedge_converters.graph import Graph, Model, Operator, Range, Tensor, TensorType
from tfedge_converters.graph.passes.lstm_markers import fuse_lstm_markers

STEPS, DEPTH, UNITS = 5, 3, 2
CELL = 19


def _real(name, shape, rng=None):
    data = None if rng is None else rng.normal(size=shape).astype(np.float32)
    return Tensor(name, shape, TensorType.FLOAT32, data=data)


def _model(attributes=None):
    rng = np.random.default_rng(1)
    inputs = [
        _real("x", (1, STEPS, DEPTH)),
        _real("kernel", (DEPTH, 4 * UNITS), rng),
        _real("recurrent", (UNITS, 4 * UNITS), rng),
        _real("bias", (4 * UNITS,), rng),
    ]
    output = _real("y", (1, STEPS, UNITS))
    marker = Operator("CUSTOM", inputs, [output], custom_name="tfedge.LSTM")
    marker.custom_options = bytes(flexbuffers.Dumps(attributes or {}))
    return Model([Graph([inputs[0]], [output], [marker])])


def test_weights_are_split_by_gate_and_transposed():
    model = _model()
    _, kernel, recurrent, bias = model.main.operators[0].inputs
    fuse_lstm_markers(model)
    (lstm,) = model.main.operators
    assert lstm.code == "UNIDIRECTIONAL_SEQUENCE_LSTM"
    assert len(lstm.inputs) == 24
    for gate in range(4):
        part = slice(gate * UNITS, (gate + 1) * UNITS)
        np.testing.assert_array_equal(lstm.inputs[1 + gate].data, kernel.data[:, part].T)
        np.testing.assert_array_equal(lstm.inputs[5 + gate].data, recurrent.data[:, part].T)
        np.testing.assert_array_equal(lstm.inputs[12 + gate].data, bias.data[part])
    assert all(lstm.inputs[index].is_variable for index in (18, 19))
    assert lstm.inputs[CELL].range is None


def test_the_range_of_the_cell_is_kept():
    model = _model({"cell_lo": -3.0, "cell_hi": 2.5})
    fuse_lstm_markers(model)
    assert model.main.operators[0].inputs[CELL].range == Range(-3.0, 2.5)


def _drop_bias(marker):
    marker.inputs.pop()


def _computed_kernel(marker):
    marker.inputs[1].data = None


def _other_units(marker):
    marker.outputs[0].shape = (1, STEPS, UNITS + 1)


def _other_rank(marker):
    marker.inputs[0].shape = (STEPS, DEPTH)


def _integer_bias(marker):
    marker.inputs[3].type = TensorType.INT32


def _omitted(marker):
    marker.inputs[2] = None


def _half_a_range(marker):
    marker.custom_options = bytes(flexbuffers.Dumps({"cell_lo": -1.0}))


def _no_range(marker):
    marker.custom_options = bytes(flexbuffers.Dumps({"cell_lo": 1.0, "cell_hi": -1.0}))


def _no_attributes(marker):
    marker.custom_options = b"\xff" * 9


@pytest.mark.parametrize(
    "damage",
    [
        _no_attributes, _drop_bias, _computed_kernel, _other_units, _other_rank, _integer_bias,
        _omitted, _half_a_range, _no_range,
    ],
)  # fmt: skip
def test_broken_markers_are_one_error(damage):
    model = _model()
    damage(model.main.operators[0])
    with pytest.raises(ModelFileError, match=r"operator 0 \(tfedge\.LSTM\) that makes 'y'"):
        fuse_lstm_markers(model)
