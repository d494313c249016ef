"""What all marker operators have in common."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from flatbuffers import flexbuffers

from tfedge.errors import ModelFileError
from tfedge_converters.graph.bypass import bypass
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor

# The attribute that says in which scope of TensorFlow a marker was called.
SCOPE = "scope"

# What decoding a flexbuffer with wrong offsets can raise in Python.
DECODING_ERRORS = (
    struct.error,
    IndexError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
)


def markers_in(graph: Graph, name: str) -> list[Operator]:
    """The marker operators of this name, in the order in which they run."""
    return [
        operator
        for operator in graph.operators
        if operator.code == "CUSTOM" and operator.custom_name == name
    ]


def has_attribute(operator: Operator, name: str) -> bool:
    """Whether a marker's readable attributes include one of this name."""
    try:
        attributes = flexbuffers.GetRoot(bytearray(operator.custom_options)).AsMap
        return name in [key.AsKey for key in attributes.Keys]
    except DECODING_ERRORS:
        return False


def scope_of(operator: Operator) -> str:
    """The scope that a marker was called in; empty if it does not say."""
    try:
        attributes = flexbuffers.GetRoot(bytearray(operator.custom_options)).AsMap
        return str(attributes[SCOPE].AsString)
    except DECODING_ERRORS:
        return ""


def numbers_of(graph: Graph, marker: Operator, *names: str) -> list[float]:
    """The values of a marker's attributes.

    Raises:
        ModelFileError: one is missing, or no number.
    """
    try:
        attributes = flexbuffers.GetRoot(bytearray(marker.custom_options)).AsMap
        return [_number(attributes[name]) for name in names]
    except DECODING_ERRORS as error:
        listed = " and ".join(f"'{name}'" for name in names)
        what = f"attribute {listed}" if len(names) == 1 else f"attributes {listed}"
        raise ModelFileError(
            f"{graph.place(marker)}: the {what} cannot be read; export the model again"
        ) from error


def remove_markers(model: Model, graph: Graph, marked: Mapping[int, Tensor]) -> None:
    """Takes markers out; a graph output that one made is then what it marked, under its name.

    Inputs, other outputs and constants are never renamed.

    Args:
        model: the model that `graph` belongs to.
        graph: changed in place.
        marked: for every marker, what it marked, by the identity of the marker's output.
    """
    fixed = {id(tensor) for tensor in [*graph.inputs, *graph.outputs]}
    for output in graph.outputs:
        tensor = marked.get(id(output), output)
        if id(tensor) not in fixed and not tensor.is_constant:
            tensor.name = output.name
    bypass(
        model,
        graph,
        [item for item in graph.operators if item.outputs and id(item.outputs[0]) in marked],
    )


def _number(attribute: Any) -> float:
    if not attribute.IsNumeric:
        raise TypeError("not a number")
    return float(attribute.AsFloat)
