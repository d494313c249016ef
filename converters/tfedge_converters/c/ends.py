"""A model's inputs, outputs and stored vectors, as templates of C write them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfedge_converters.c import arrays
from tfedge_converters.foreign_text import Code, tensor_names
from tfedge_converters.graph import Graph, Model, Tensor

# Of types whose integers stand for real numbers: a limit beyond those that do not saturate, the
# least and the greatest integer.
_RANGES = {
    "int8_t": Code("TFEDGE_LIMIT_8_BITS, INT8_MIN, INT8_MAX"),
    "uint8_t": Code("TFEDGE_LIMIT_8_BITS, 0, UINT8_MAX"),
    "int16_t": Code("TFEDGE_LIMIT_16_BITS, INT16_MIN, INT16_MAX"),
}


def end_names(model: Model, graph: Graph) -> tuple[list[str], list[str]]:
    """Names of inputs and outputs: the signature's (the Keras model's), or the tensors' own."""
    by_tensor: dict[int, str] = {}
    for signature in model.signatures[:1]:
        for name, tensor in (*signature.inputs.items(), *signature.outputs.items()):
            by_tensor.setdefault(id(tensor), name)
    ends = [
        [by_tensor.get(id(tensor), tensor.name) for tensor in tensors]
        for tensors in (graph.inputs, graph.outputs)
    ]
    return tensor_names(ends[0]), tensor_names(ends[1])


def describe_end(side: str, index: int, tensor: Tensor, name: str) -> dict[str, Any]:
    """An input or output.

    Args:
        side: "IN" or "OUT".
        index: among the graph's.
        tensor: of the graph.
        name: of `end_names`.
    """
    grid = tensor.quantization
    type_ = arrays.interface_type(tensor.type)
    return {
        "index": index,
        "prefix": f"{side}{index}",
        "identifier": name.upper(),
        "name": name,
        "type": type_,
        "bytes": tensor.byte_size,
        "elements": tensor.elements,
        "dimensions": tensor.shape,
        "height_width_channels": tensor.shape[1:] if len(tensor.shape) == 4 else None,
        "scale": None if grid is None else Code(arrays.literal(float(grid.scale[0]))),
        "zero_point": None if grid is None else int(grid.zero_point[0]),
        "grid": None if grid is None else _RANGES.get(type_),
    }


def vector_part(values: np.ndarray, rounding: float = 0.0) -> dict[str, Any]:
    """One array of a vector; `room` is how far results may be from it, empty for every bit alike.

    What is no number has other bits on other processors.
    """
    type_, text = arrays.bits_initializer(values)
    is_real = values.dtype == np.float32
    finite = values[np.isfinite(values)] if is_real else np.zeros(0)
    room = rounding * float(np.abs(finite).max(initial=0.0))
    has_room = is_real and (room > 0 or bool(np.isnan(values).any()))
    return {
        "type": Code(type_),
        "size": values.size,
        "text": Code(text),
        "room": Code(arrays.literal(room) if has_room else ""),
    }
