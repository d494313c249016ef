"""The types of an integer graph's inputs and outputs: integers of either sign, or real numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.quantization.activation_types import INT8
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Model, Operator, Quantization, Tensor, TensorType
from tfedge_converters.ptq.casts import (
    as_float,
    dequantize_operator,
    quantize_operator,
)

FLOAT, UNSIGNED = "float32", "uint8"

_TYPES = {
    FLOAT: TensorType.FLOAT32,
    UNSIGNED: TensorType.UINT8,
    "int8": TensorType.INT8,
    "int16": TensorType.INT16,
}
_BYTES = frozenset({TensorType.INT8, TensorType.UINT8})

# From int8 to uint8: both the integers and the zero point.
_SHIFT = 128


def set_io_types(model: Model, input_type: str | None, output_type: str | None) -> None:
    """Give inputs and outputs of an integer graph another type, in place.

    QUANTIZE and DEQUANTIZE convert them; between int8 and uint8 it is an exact shift by 128. The
    new inputs and outputs have the old ones' names, and signatures follow. What is not on a grid,
    such as indices, stays.

    Args:
        model: its activations are integers; it is changed only if all of them can be.
        input_type, output_type: "float32", "uint8", "int8" or "int16"; None for what they are.

    Raises:
        TfedgeError: a type is unknown, or no operator converts a tensor to it.
    """
    inputs = _to_change(model.main.inputs, input_type)
    outputs = _to_change(model.main.outputs, output_type)
    for tensor, type_ in reversed(inputs):
        _change_input(model, tensor, type_)
    for tensor, type_ in outputs:
        _change_output(model, tensor, type_)


def io_type(given: str) -> TensorType:
    """The type that inputs or outputs are asked to have, by its name.

    Raises:
        TfedgeError: there is no such type.
    """
    if given not in _TYPES:
        raise TfedgeError(
            f"inputs and outputs can be {', '.join(sorted(_TYPES))}, not '{given}'"
            f"{near(given, _TYPES)}"
        )
    return _TYPES[given]


def check_io_types(scheme: Scheme, *given: str | None) -> None:
    """Refuse types of inputs and outputs that a float model cannot have with a scheme.

    Args:
        scheme: what the model is quantised to.
        given: "float32", "uint8", "int8" or "int16"; None for what the scheme has.

    Raises:
        TfedgeError: says which types there are.
    """
    usual = scheme.activations.type
    integers = (usual.element, UNSIGNED) if usual is INT8 else (usual.element,)
    for name in given:
        if name not in (None, *integers, FLOAT):
            raise TfedgeError(
                f"input and output types can be {', '.join(integers)} or {FLOAT}, not '{name}', "
                f"with the scheme '{scheme.name}'"
            )


def _to_change(tensors: list[Tensor], given: str | None) -> list[tuple[Tensor, TensorType]]:
    """The inputs or outputs, each once, that have another type than the one asked for."""
    if given is None:
        return []
    type_ = io_type(given)
    changed = []
    for tensor in {id(tensor): tensor for tensor in tensors}.values():
        if tensor.type == type_ or not (
            tensor.quantization is not None or tensor.type == TensorType.FLOAT32
        ):
            continue
        if tensor.type not in _TYPES.values() or not _converts(tensor.type, type_):
            raise TfedgeError(
                f"'{tensor.name}' is {tensor.type.name.lower()} in the model and cannot become "
                f"{given}{_ADVICE.get(tensor.type, '')}"
            )
        changed.append((tensor, type_))
    return changed


_ADVICE = {
    TensorType.FLOAT32: "; convert the float model that it was made from, or leave the type out",
    TensorType.INT16: "; 16 bits become float32 alone",
}


def _converts(source: TensorType, wanted: TensorType) -> bool:
    """Whether one operator brings integers of one type to another without a loss."""
    if source == TensorType.FLOAT32:
        return False
    return wanted == TensorType.FLOAT32 or {source, wanted} == _BYTES


def _change_input(model: Model, tensor: Tensor, type_: TensorType) -> None:
    outer = _outer(tensor, type_)
    graph = model.main
    graph.inputs = [outer if item is tensor else item for item in graph.inputs]
    for signature in model.signatures:
        _replace(signature.inputs, tensor, outer)
    graph.operators.insert(0, quantize_operator(outer, tensor))


def _change_output(model: Model, tensor: Tensor, type_: TensorType) -> None:
    outer = _outer(tensor, type_)
    graph = model.main
    graph.outputs = [outer if item is tensor else item for item in graph.outputs]
    for signature in model.signatures:
        _replace(signature.outputs, tensor, outer)
    convert: Callable[[Tensor, Tensor], Operator] = (
        dequantize_operator if type_ == TensorType.FLOAT32 else quantize_operator
    )
    graph.operators.append(convert(tensor, outer))


def _outer(tensor: Tensor, type_: TensorType) -> Tensor:
    """Make the tensor outside of an input or output, which takes its name."""
    outer = as_float(tensor)
    if type_ != TensorType.FLOAT32:
        assert tensor.quantization is not None
        shift = _SHIFT if type_ == TensorType.UINT8 else -_SHIFT
        grid = tensor.quantization
        moved = Quantization(grid.scale, grid.zero_point + shift, grid.axis)
        outer = dataclasses.replace(tensor, type=type_, quantization=moved)
    tensor.name = f"{tensor.name}_{tensor.type.name.lower()}"
    return outer


def _replace(tensors: dict[str, Tensor], old: Tensor, new: Tensor) -> None:
    for name, tensor in tensors.items():
        if tensor is old:
            tensors[name] = new
