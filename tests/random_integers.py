"""Random element-wise operators on plain integers, and selections of what is not int8."""

from __future__ import annotations

from functools import partial

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder
from random_elementwise import broadcast_shapes, flags

from tfedge_converters.graph import Range, Tensor, TensorType

INT32, INT64, BOOL = TensorType.INT32, TensorType.INT64, TensorType.BOOL

_ARITHMETIC = {
    "ADD": schema.AddOptionsT,
    "SUB": schema.SubOptionsT,
    "MUL": schema.MulOptionsT,
    "SQUARED_DIFFERENCE": schema.SquaredDifferenceOptionsT,
}
_EXTREMES = ("MAXIMUM", "MINIMUM")
_COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")


def _value(b: Builder, shape, type_) -> Tensor:
    """All that the type holds, or small numbers that are often equal; now and then a constant."""
    if b.rng.random() < 0.2:
        return b.constant(b.rng.integers(-3, 4, shape), type_=type_)
    tensor = b.input(shape, type_=type_)
    tensor.quantization = None
    if b.rng.random() < 0.5:
        tensor.range = Range(-3.0, 3.0)
    return tensor


def _pair(b: Builder, type_) -> tuple[list[Tensor], tuple[int, ...]]:
    shapes = broadcast_shapes(b, 2, 6)
    left, right = (_value(b, shape, type_) for shape in shapes)
    if left.data is not None and right.data is not None:
        left = b.input(left.shape, type_=type_)
        left.quantization = None
    return [left, right], np.broadcast_shapes(*shapes)


def arithmetic(codes, types, b: Builder) -> None:
    code, type_ = str(b.rng.choice(codes)), types[b.rng.integers(len(types))]
    options = _ARITHMETIC.get(code, schema.MaximumMinimumOptionsT)()
    operands, shape = _pair(b, type_)
    b.output(code, operands, shape, None, options, 1, type_)


def comparison(b: Builder) -> None:
    code, type_ = str(b.rng.choice(_COMPARISONS)), (INT32, INT64)[b.rng.integers(2)]
    operands, shape = _pair(b, type_)
    b.output(code, operands, shape, None, version=1, type_=BOOL)


def selection(b: Builder) -> None:
    """SELECT or SELECT_V2 of any type but those that TFLite Micro selects from."""
    type_ = (INT32, INT64, BOOL, TensorType.UINT8)[b.rng.integers(4)]
    if b.rng.random() < 0.5:
        shapes = broadcast_shapes(b, 3, 5)
        code, options = "SELECT_V2", schema.SelectV2OptionsT()
    else:
        shapes = [tuple(b.rng.integers(1, 5, int(b.rng.integers(1, 6))).tolist())] * 3
        if b.rng.random() < 0.5:
            shapes = [shapes[0][: int(b.rng.integers(2))], *shapes[1:]]
        code, options = "SELECT", schema.SelectOptionsT()
    values = [b.input(shape, type_=type_) for shape in shapes[1:]]
    for value in values:
        value.quantization = None
    shape = np.broadcast_shapes(*shapes) if code == "SELECT_V2" else shapes[1]
    b.output(code, [flags(b, shapes[0]), *values], shape, None, options, 1, type_)


OPERATORS = {
    "integer_arithmetic": partial(arithmetic, list(_ARITHMETIC), (INT32,)),
    "integer_extremes": partial(arithmetic, list(_EXTREMES), (INT32, INT64)),
    "integer_comparisons": comparison,
    "wide_integer_arithmetic": partial(arithmetic, ["ADD", "SUB", "MUL"], (INT64,)),
    "wider_selection": selection,
}

# TFLite Micro does not add, subtract or multiply int64, and selects from int8, int16 and floats.
LITERT = {"wide_integer_arithmetic", "wider_selection"}
