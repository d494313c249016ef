"""What functions of one value and of a row refuse, in words."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import UnsupportedError
from tfedge_converters.c.lowering import lower
from tfedge_converters.graph import Graph, Operator, Quantization, Tensor, TensorType

FLOAT32, INT8, INT64 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT64


def grid(scale=0.1, zero_point=0):
    return Quantization.per_tensor(scale, zero_point)


def refusal(code, *grids, shape=(1, 4), out_shape=None, options=None, types=(INT8, INT8)):
    *sources, output = (
        Tensor(f"t{index}", shape, types[0], quantization)
        for index, quantization in enumerate(grids)
    )
    output.shape, output.type = out_shape or shape, types[-1]
    operator = Operator(code, sources, [output], options)
    with pytest.raises(UnsupportedError) as error:
        lower(Graph(sources, [output], [operator]), operator)
    return str(error.value)


def leaky(alpha):
    options = schema.LeakyReluOptionsT()
    options.alpha = alpha
    return options


def l2(activation):
    options = schema.L2NormOptionsT()
    options.fusedActivationFunction = activation
    return options


@pytest.mark.parametrize(
    ("code", "grids", "more", "message"),
    [
        ("ABS", [grid(), grid()], {"out_shape": (1, 5)}, "shape"),
        ("ABS", [grid(), grid()], {"types": (FLOAT32, TensorType.INT8)}, "are FLOAT32"),
        ("ABS", [grid()], {}, "0 inputs"),
        ("ELU", [grid(1e30), grid(1e-30)], {}, "32 bits"),
        ("EXP", [grid(1.0), grid()], {}, "32 bits"),
        ("GELU", [grid(3e38), grid(1e-30)], {"options": schema.GeluOptionsT()}, "32 bits"),
        ("HARD_SWISH", [grid(1.0), grid(0.001)], {}, "too small"),
        ("HARD_SWISH", [grid(3e38), grid(3e38)], {}, "multiplier"),
        ("LEAKY_RELU", [grid(), grid()], {"options": leaky(float("nan"))}, "finite"),
        ("LEAKY_RELU", [grid(3e38), grid(1e-30)], {"options": leaky(0.1)}, "overflows"),
        ("NEG", [grid(), grid(0.2)], {}, "MUL by -1"),
        ("NEG", [grid(0.1, 3), grid(0.1, 3)], {}, "MUL by -1"),
        ("RELU_0_TO_1", [grid(), grid(1e-12)], {}, "overflow"),
        ("RSQRT", [grid(1.0), grid(1e9)], {}, "too large"),
        ("SQRT", [grid(1.0), grid(1e-20)], {}, "32 bits"),
        ("LOG_SOFTMAX", [grid(), grid()], {}, "must have the scale 0.0625"),
        ("LOG_SOFTMAX", [grid(1e-8), grid(0.0625, 127)], {}, "underflows"),
        ("LOG_SOFTMAX", [grid(), grid(0.0625, 127)], {"shape": (1, 4096)}, "1 to 4095"),
        ("LOG_SOFTMAX", [grid(), grid(0.0625, 127)], {"shape": ()}, "last axis"),
        ("LOG_SOFTMAX", [grid(), grid(0.0625, 127)], {"shape": (2, 0)}, "empty"),
        ("L2_NORMALIZATION", [grid(), grid()], {"options": l2(0)}, "must have the scale"),
        ("L2_NORMALIZATION", [grid(), grid(1 / 128)], {"options": l2(1)}, "activation"),
        (
            "L2_NORMALIZATION",
            [grid(), grid(1 / 128)],
            {"options": l2(0), "shape": (1, 33026)},
            "1 to 33025",
        ),
        ("PRELU", [grid(), grid(), grid()], {"shape": (1, 1, 1, 1, 2)}, "dimensions"),
        ("PRELU", [grid(), grid()], {}, "inputs"),
        ("CAST", [None, None], {"types": (INT64, INT8)}, "INT64"),
        ("CAST", [grid(), grid()], {}, "itself"),
        ("CAST", [None, None], {"types": (FLOAT32, INT8), "out_shape": (4,)}, "shape"),
    ],
)
def test_refusals(code, grids, more, message):
    assert message in refusal(code, *grids, **more)


def test_slopes_that_do_not_broadcast_to_the_input():
    source, slopes = Tensor("x", (1, 3), INT8, grid()), Tensor("a", (2, 3), INT8, grid())
    slopes.data = np.zeros((2, 3), np.int8)
    output = Tensor("y", (1, 3), INT8, grid())
    operator = Operator("PRELU", [source, slopes], [output])
    with pytest.raises(UnsupportedError, match="follows"):
        lower(Graph([source], [output], [operator]), operator)
