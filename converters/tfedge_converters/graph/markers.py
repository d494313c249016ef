"""Reader of all marker operators."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, TypeVar

from flatbuffers import flexbuffers

from tfedge.errors import ModelFileError
from tfedge.markers.protocol import SCOPE, Marker, Scalar, require_known_version
from tfedge_converters.graph.bypass import bypass
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor

Content = TypeVar("Content")

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


def markers_in(graph: Graph, marker: Marker[Any]) -> list[Operator]:
    """The operators of a marker, in the order in which they run."""
    return [
        operator
        for operator in graph.operators
        if operator.code == "CUSTOM" and operator.custom_name == marker.name
    ]


def read_marker(graph: Graph, operator: Operator, marker: Marker[Content]) -> Content:
    """Read the content of a marker's operator.

    Raises:
        ModelFileError: a newer tfedge has written it; or it says less than it has to, or what
            cannot be.
    """
    try:
        scalars = _scalars(operator)
        require_known_version(scalars)
        return marker.read(scalars)
    except DECODING_ERRORS as error:
        raise ModelFileError(
            f"{graph.place(operator)}: its attributes cannot be read; export the model again"
        ) from error
    except ModelFileError as error:
        raise ModelFileError(f"{graph.place(operator)}: {error}") from None


def scope_of(operator: Operator) -> str:
    """The scope that a marker was called in; empty if it does not say."""
    try:
        scope = _scalars(operator).get(SCOPE)
    except DECODING_ERRORS:
        return ""
    return scope if isinstance(scope, str) else ""


def remove_markers(model: Model, graph: Graph, marked: Mapping[int, Tensor]) -> None:
    """Take markers out; a graph output that one made is then what it marked, under its name.

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


def _scalars(operator: Operator) -> dict[str, Scalar]:
    """A marker's scalars by name.

    Raises:
        One of DECODING_ERRORS: they cannot be decoded.
    """
    attributes = flexbuffers.GetRoot(bytearray(operator.custom_options)).AsMap
    values = {key.AsKey: attributes[key.AsKey] for key in attributes.Keys}
    return {name: _scalar(value) for name, value in values.items() if _is_scalar(value)}


def _is_scalar(value: Any) -> bool:
    return value.IsBool or value.IsNumeric or value.IsString


def _scalar(value: Any) -> Scalar:
    if value.IsString:
        return str(value.AsString)
    if value.IsBool:
        return bool(value.AsBool)
    return int(value.AsInt) if value.IsInt else float(value.AsFloat)
