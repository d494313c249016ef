"""Numbers as C text."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tfedge.errors import UnsupportedError
from tfedge_converters.c.kernel_call import Constant, Param
from tfedge_converters.graph.types import TensorType

# What generated code stores in the arena or in flash, and the numpy type of its elements. 8-bit
# kernels take int8_t, whatever the bytes mean: a table or a copy does not care.
STORED: dict[TensorType, np.dtype[Any]] = {
    TensorType.INT8: np.dtype(np.int8),
    TensorType.UINT8: np.dtype(np.int8),
    TensorType.BOOL: np.dtype(np.int8),
    TensorType.INT16: np.dtype(np.int16),
    TensorType.INT32: np.dtype(np.int32),
    TensorType.INT64: np.dtype(np.int64),
    TensorType.FLOAT32: np.dtype(np.float32),
}

C_TYPES = {
    np.dtype(np.int8): "int8_t",
    np.dtype(np.int16): "int16_t",
    np.dtype(np.uint16): "uint16_t",  # the bits of half precision
    np.dtype(np.int32): "int32_t",
    np.dtype(np.int64): "int64_t",
    np.dtype(np.float32): "float",
}


def stored_dtype(type_: TensorType) -> np.dtype[Any]:
    """The numpy type of a tensor's elements in generated code.

    Raises:
        UnsupportedError: generated code has no such type.
    """
    if type_ not in STORED:
        raise UnsupportedError(f"generated C has no type {type_.name}")
    return STORED[type_]


def c_type(type_: TensorType) -> str:
    """The C type of a tensor's elements in generated code."""
    return C_TYPES[stored_dtype(type_)]


_UNSIGNED = frozenset({TensorType.UINT8, TensorType.BOOL})


def interface_type(type_: TensorType) -> str:
    """Return the C type of an input or output in the program's interface."""
    return "uint8_t" if type_ in _UNSIGNED else c_type(type_)


_LINE = 100

# The most negative integers have no literal of their own in C.
_SMALLEST = {-(1 << 31): "INT32_MIN", -(1 << 63): "INT64_MIN"}


# Macros of math.h for what has no literal.
_INFINITIES = {math.inf: "INFINITY", -math.inf: "-INFINITY"}


def literal(value: float | int) -> str:
    """One number; floats keep every bit.

    Raises:
        UnsupportedError: it is not a number.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            if math.isnan(value):
                raise UnsupportedError("a constant is not a number; check the model's weights")
            return _INFINITIES[value]
        text = np.format_float_scientific(np.float32(value), unique=True)
        return f"{text}f"
    return _SMALLEST.get(value, str(value))


def initializer(values: np.ndarray) -> str:
    """The elements of an array, wrapped into lines."""
    flat = values.reshape(-1)
    width = _width(flat)
    return _wrapped(_texts(flat, width if flat.size > _per_line(width) else 0), width)


def bits_initializer(values: np.ndarray) -> tuple[str, str]:
    """The C type and the elements of an array that is copied to memory, or compared with it.

    In memory they are those values whatever the byte order of the machine. Floats are integers
    with their bits, which say every value, and do not depend on how a compiler reads fractions.
    """
    flat = values.reshape(-1)
    if flat.dtype == np.bool_:
        flat = flat.view(np.uint8)
    if flat.dtype == np.float32:
        texts = [f"0x{bits:08x}u" for bits in flat.view(np.uint32).tolist()]
        return "uint32_t", _wrapped(iter(texts), len(texts[0]))
    return f"{flat.dtype}_t", initializer(flat)


def _per_line(width: int) -> int:
    return max((_LINE - 4) // (width + 2), 1)


def _wrapped(texts: Iterator[str], width: int) -> str:
    """Literals of a width, wrapped into lines."""
    lines = iter(lambda: ", ".join(itertools.islice(texts, _per_line(width))), "")
    return "    " + ",\n    ".join(lines)


def _texts(flat: np.ndarray, width: int) -> Iterator[str]:
    """The literals one by one, as wide as asked for; bytes, of which there are many, by table."""
    if flat.dtype.itemsize > 1:
        return (literal(value).rjust(width) for value in flat.tolist())
    every = np.arange(256, dtype=np.uint8).view(flat.dtype).tolist()
    return map([literal(value).rjust(width) for value in every].__getitem__, flat.tobytes())


def _width(flat: np.ndarray) -> int:
    """Characters of the longest literal."""
    if flat.dtype.kind == "f":
        return max(map(len, map(literal, flat.tolist())))
    return max(len(literal(int(flat.min()))), len(literal(int(flat.max()))))


def struct_fields(
    params: Mapping[str, Param], names: Mapping[int, str], indent: str = "    "
) -> str:
    """Designated initialisers, one a line; `names` has the symbol of each constant by identity."""
    lines = []
    for field, value in params.items():
        if isinstance(value, Mapping):
            inner = struct_fields(value, names, indent + "    ")
            lines.append(f"{indent}.{field} = {{\n{inner}\n{indent}}},")
        else:
            lines.append(f"{indent}.{field} = {_value(value, names)},")
    return "\n".join(lines)


def _value(value: Param, names: Mapping[int, str]) -> str:
    if isinstance(value, Constant):
        return names[id(value)]
    if isinstance(value, tuple):
        return "{" + ", ".join(map(literal, value)) + "}"
    assert isinstance(value, (int, float))
    return literal(value)
