"""Float graphs of comparisons, selections and reductions, quantised, run bit for bit."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from graph_parts import activation, constant, grid, model_of

from tfedge_converters.graph import Operator, TensorType
from tfedge_converters.ptq import quantize
from tfedge_converters.verify import verify

BOOL, INT32 = TensorType.BOOL, TensorType.INT32
SHAPE = (1, 4, 6)


def ends():
    return activation("x", SHAPE, -1.0, 2.0), activation("y", SHAPE, -3.0, 1.0)


def binary(code, options, low, high):
    x, y = ends()
    result = activation("result", SHAPE, low, high)
    return model_of([x, y], [result], [Operator(code, [x, y], [result], options())])


def clipped_by_its_mask():
    """where(x < y, max(x, 0.5), y)"""
    x, y = ends()
    mask = activation("mask", SHAPE, type_=BOOL)
    larger = activation("larger", SHAPE, 0.5, 2.0)
    result = activation("result", SHAPE, -3.0, 2.0)
    half = constant("half", [0.5])
    operators = [
        Operator("LESS", [x, y], [mask], schema.LessOptionsT()),
        Operator("MAXIMUM", [x, half], [larger], schema.MaximumMinimumOptionsT()),
        Operator("SELECT_V2", [mask, larger, y], [result], schema.SelectV2OptionsT()),
    ]
    return model_of([x, y], [result], operators)


def reduction(code, low, high):
    x, _ = ends()
    result = activation("result", (1, 6), low, high)
    axes = constant("axes", [1], np.int32)
    return model_of([x], [result], [Operator(code, [x, axes], [result], schema.ReducerOptionsT())])


def position():
    x, _ = ends()
    result = activation("result", (1, 4), type_=INT32)
    options = schema.ArgMaxOptionsT()
    options.outputType = int(INT32)
    axis = constant("axis", [-1], np.int32)
    return model_of([x], [result], [Operator("ARG_MAX", [x, axis], [result], options)])


def largest():
    x, _ = ends()
    values = activation("values", (1, 4, 2), -1.0, 2.0)
    positions = activation("positions", (1, 4, 2), type_=INT32)
    k = constant("k", 2, np.int32)
    operator = Operator("TOPK_V2", [x, k], [values, positions], schema.TopKV2OptionsT())
    return model_of([x], [values, positions], [operator])


MODELS = {
    "squared_difference": lambda: binary(
        "SQUARED_DIFFERENCE", schema.SquaredDifferenceOptionsT, 0.0, 25.0
    ),
    "minimum": lambda: binary("MINIMUM", schema.MaximumMinimumOptionsT, -3.0, 1.0),
    "mask": clipped_by_its_mask,
    "sum": lambda: reduction("SUM", -4.0, 8.0),
    "reduce_max": lambda: reduction("REDUCE_MAX", -1.0, 2.0),
    "arg_max": position,
    "topk": largest,
}


@pytest.mark.parametrize("name", MODELS)
def test_quantised_graphs_run_bit_for_bit(name):
    model = MODELS[name]()
    quantize(model)
    assert verify(model, samples=20).passed


def test_what_is_compared_is_real_and_what_is_selected_shares_a_grid():
    model = clipped_by_its_mask()
    quantize(model)
    *real, less, maximum, select = model.main.operators
    assert [operator.code for operator in real] == ["DEQUANTIZE"] * 2
    assert less.outputs[0].type == BOOL and less.outputs[0].quantization is None
    assert [operand.type for operand in less.inputs] == [TensorType.FLOAT32] * 2
    assert grid(maximum.outputs[0]) == grid(select.outputs[0]) == grid(select.inputs[2])
    assert grid(maximum.inputs[1]) == grid(maximum.outputs[0])
