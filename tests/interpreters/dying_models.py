"""Models that end the process of whatever interprets them."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph import Graph, Model, Operator, Quantization, Tensor, TensorType


def aborting() -> Model:
    """A comparison of values whose scale is 1, behind an operator that does no harm."""
    grid = Quantization.per_tensor(1.0, 0)
    source, half = (Tensor(name, (1, 8), TensorType.INT8, grid) for name in ("x", "half"))
    result = Tensor("y", (1, 8), TensorType.BOOL)
    operators = [Operator("RELU", [source], [half]), Operator("LESS", [source, half], [result])]
    return Model([Graph([source], [result], operators)])


def endless() -> Model:
    """A loop whose condition stays true, behind an operator that ends."""
    count = Tensor("count", (1,), TensorType.INT32)
    other, left = (Tensor(name, (1,), TensorType.INT32) for name in ("other", "left"))
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    operators = [
        _with_itself("MAXIMUM", count, other),
        Operator("WHILE", [other], [left], options),
    ]
    x, true = Tensor("x", (1,), TensorType.INT32), Tensor("true", (1,), TensorType.BOOL)
    condition = Graph([x], [true], [_with_itself("EQUAL", x, true)])
    x, y = (Tensor(name, (1,), TensorType.INT32) for name in "xy")
    return Model(
        [
            Graph([count], [left], operators),
            condition,
            Graph([x], [y], [_with_itself("MAXIMUM", x, y)]),
        ]
    )


def _with_itself(code: str, operand: Tensor, result: Tensor) -> Operator:
    return Operator(code, [operand, operand], [result])


def voracious(elements: int) -> Model:
    """A number that is copied into an array of so many float32."""
    source, large = (
        Tensor("x", (1,), TensorType.FLOAT32),
        Tensor("y", (elements,), TensorType.FLOAT32),
    )
    least = Tensor("least", (1,), TensorType.FLOAT32)
    shape = Tensor("shape", (1,), TensorType.INT32, data=np.array([elements], np.int32))
    axis = Tensor("axis", (1,), TensorType.INT32, data=np.array([0], np.int32))
    operators = [
        Operator("BROADCAST_TO", [source, shape], [large], None, 2),
        Operator("REDUCE_MIN", [large, axis], [least], schema.ReducerOptionsT()),
    ]
    operators[1].options.keepDims = True
    return Model([Graph([source], [least], operators)])


def wide_softmax(depth: int) -> Model:
    """A softmax of equal values, whose sum of exponentials leaves the reference's 32 bits."""
    grid = Quantization.per_tensor(0.0001, 0)
    source, middle = (Tensor(name, (1, depth), TensorType.INT8, grid) for name in ("x", "middle"))
    result = Tensor("y", (1, depth), TensorType.INT8, Quantization.per_tensor(1 / 256, -128))
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    operators = [
        Operator("RELU", [source], [middle]),
        Operator("SOFTMAX", [middle], [result], options, 2),
    ]
    return Model([Graph([source], [result], operators)])
