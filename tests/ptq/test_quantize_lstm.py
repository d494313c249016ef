"""The grids of an LSTM: states, weights and what interpreters want to know of its inside."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Range,
    Tensor,
    TensorType,
    write_model,
)
from tfedge_converters.ptq import calibrate, quantize
from tfedge_converters.ptq.lstm_states import lstm_cells
from tfedge_converters.ptq.quant_params import power_of_two_grid

STEPS, DEPTH, UNITS = 7, 3, 4
HIDDEN, CELL = 18, 19


def _real(name, shape, data=None, **options):
    return Tensor(name, shape, TensorType.FLOAT32, data=data, **options)


def float_lstm(time_major=False, clip=0.0):
    rng = np.random.default_rng(1)

    def weights(name, *shape):
        return _real(name, shape, rng.normal(size=shape).astype(np.float32))

    lead = (STEPS, 1) if time_major else (1, STEPS)
    inputs = [None] * 24
    inputs[0] = _real("x", (*lead, DEPTH))
    for gate in range(4):
        inputs[1 + gate] = weights(f"w{gate}", UNITS, DEPTH)
        inputs[5 + gate] = weights(f"r{gate}", UNITS, UNITS)
        inputs[12 + gate] = weights(f"b{gate}", UNITS)
    inputs[HIDDEN] = _real("hidden", (1, UNITS), is_variable=True)
    inputs[CELL] = _real("cell", (1, UNITS), is_variable=True)
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    options.timeMajor, options.cellClip = time_major, clip
    output = _real("y", (*lead, UNITS))
    lstm = Operator("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [output], options)
    return Model([Graph([inputs[0]], [output], [lstm])])


def samples(model, count=5):
    shape = model.main.inputs[0].shape
    return np.random.default_rng(2).normal(size=(count, *shape[1:])).astype(np.float32)


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("clip", [0.0, 0.4])
def test_computed_cells_end_where_those_of_litert_do(time_major, clip):
    model = float_lstm(time_major, clip)
    (lstm,) = model.main.operators
    x = np.random.default_rng(2).normal(size=lstm.inputs[0].shape).astype(np.float32)
    interpreter = Interpreter(model_content=write_model(model))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    position = [tensor.name for tensor in model.main.tensors()].index("cell")
    zeros = np.zeros((1, UNITS), np.float32)
    cells = lstm_cells(lstm, x, [zeros, zeros])
    assert cells.shape == (STEPS, 1, UNITS)
    np.testing.assert_allclose(cells[-1], interpreter.get_tensor(position), atol=1e-6)


def test_grids():
    model = float_lstm()
    calibrate(model, samples(model))
    (lstm,) = model.main.operators
    cell_range = lstm.inputs[CELL].range
    quantize(model)
    assert lstm.inputs[HIDDEN].type == TensorType.INT8
    assert lstm.inputs[HIDDEN].quantization.same_as(lstm.outputs[0].quantization)
    cell = lstm.inputs[CELL]
    assert cell.type == TensorType.INT16
    scale = float(cell.quantization.scale[0])
    largest = max(-cell_range.low, cell_range.high)
    assert np.log2(scale) % 1 == 0
    assert 2**14 < max(largest, 1.0) / scale <= 2**15
    for index in (*range(1, 9), *range(12, 16)):
        assert lstm.inputs[index].quantization.scale.size == 1
        assert lstm.inputs[index].type == (TensorType.INT8 if index < 9 else TensorType.INT32)
    assert [tensor.type for tensor in lstm.intermediates] == [TensorType.FLOAT32] * 4 + [
        TensorType.INT8
    ]
    assert lstm.intermediates[4].quantization.same_as(lstm.outputs[0].quantization)


def test_grids_of_int16():
    model = float_lstm()
    calibrate(model, samples(model), scheme="int16x8")
    quantize(model, "int16x8")
    (lstm,) = model.main.operators
    (result,) = lstm.outputs
    for tensor in (lstm.inputs[0], lstm.inputs[HIDDEN], result, lstm.intermediates[4]):
        assert tensor.type == TensorType.INT16
        assert tensor.quantization.zero_point[0] == 0
    assert lstm.inputs[HIDDEN].quantization.same_as(result.quantization)
    assert lstm.inputs[CELL].type == TensorType.INT16
    assert {lstm.inputs[index].type for index in range(1, 9)} == {TensorType.INT8}
    assert {lstm.inputs[index].type for index in range(12, 16)} == {TensorType.INT64}


def test_a_known_range_of_the_cell_is_used():
    model = float_lstm()
    for tensor in (model.main.inputs[0], model.main.outputs[0]):
        tensor.range = Range(-1, 1)
    model.main.operators[0].inputs[CELL].range = Range(-5, 1)
    quantize(model)
    assert model.main.operators[0].inputs[CELL].quantization.scale[0] == 8 / 2**15


def test_an_unknown_range_of_the_cell_is_named():
    model = float_lstm()
    for tensor in (model.main.inputs[0], model.main.outputs[0]):
        tensor.range = Range(-1, 1)
    with pytest.raises(TfedgeError, match="'cell' is not known"):
        quantize(model)
    assert model.main.inputs[0].type == TensorType.FLOAT32


def test_variants_are_refused():
    model = float_lstm()
    lstm = model.main.operators[0]
    lstm.inputs[9] = lstm.inputs[12]
    with pytest.raises(UnsupportedError, match="plain variant"):
        quantize(model)


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [(-1, 1, 2**-15), (-0.1, 0.0, 2**-15), (0, 4, 2**-13), (-4.01, 1, 2**-12), (0, 100, 2**-9)],
)
def test_powers_of_two(low, high, scale):
    grid = power_of_two_grid(Range(low, high), 16, "cell")
    assert (grid.scale[0], grid.zero_point[0]) == (scale, 0)


def test_a_range_that_is_not_finite_is_refused():
    with pytest.raises(TfedgeError, match="'cell'"):
        power_of_two_grid(Range(0.0, np.inf), 16, "cell")
