"""What markers carry beside their tensors."""

from __future__ import annotations

import struct
from typing import Any

from flatbuffers import flexbuffers

from tfedge.errors import ModelFileError
from tfedge_converters.graph.types import Graph, Operator

# What decoding a flexbuffer with wrong offsets can raise in Python.
_DECODING_ERRORS = (
    struct.error,
    IndexError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
)


def has_attribute(operator: Operator, name: str) -> bool:
    """Whether a marker's readable attributes include one of this name."""
    try:
        attributes = flexbuffers.GetRoot(bytearray(operator.custom_options)).AsMap
        return name in [key.AsKey for key in attributes.Keys]
    except _DECODING_ERRORS:
        return False


def numbers(graph: Graph, operator: Operator, *names: str) -> list[float]:
    """The values of numeric attributes.

    Raises:
        ModelFileError: one is missing or no number, or the attributes are damaged.
    """
    try:
        attributes = flexbuffers.GetRoot(bytearray(operator.custom_options)).AsMap
        return [_number(attributes[name]) for name in names]
    except _DECODING_ERRORS as error:
        raise ModelFileError(
            f"{graph.place(operator)}: the attributes {_quoted(names)} cannot be read; "
            "export the model again"
        ) from error


def _number(attribute: Any) -> float:
    if not attribute.IsNumeric:
        raise TypeError("not a number")
    return float(attribute.AsFloat)


def _quoted(names: tuple[str, ...]) -> str:
    return " and ".join(f"'{name}'" for name in names)
