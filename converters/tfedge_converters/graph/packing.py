"""Bytes of a file against elements of an array, for types of any width.

Elements narrower than a byte are packed low bits first, as the TFLite schema has them.
"""

from __future__ import annotations

import numpy as np

from tfedge_converters.graph.types import TensorType

_SIGNED = frozenset({TensorType.INT4, TensorType.INT2})


def unpack(raw: np.ndarray, type_: TensorType, elements: int) -> np.ndarray:
    """Decode a constant's bytes.

    Args:
        raw: uint8 array of exactly `type_.byte_size(elements)` bytes.
        type_: a type with a dtype.
        elements: how many elements there are.

    Returns:
        Array of shape (elements,) and `type_.dtype`; a view where no unpacking is needed.
    """
    bits = type_.bits or 8
    if bits >= 8:
        return np.frombuffer(raw, type_.dtype)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    fields = (raw[:, None] >> shifts) & ((1 << bits) - 1)
    values = fields.reshape(-1)[:elements].astype(np.int16)
    if type_ in _SIGNED:
        values = np.where(values >= 1 << (bits - 1), values - (1 << bits), values)
    return values.astype(type_.dtype)


def pack(values: np.ndarray, type_: TensorType) -> bytes:
    """Encode a constant's elements; the inverse of `unpack`."""
    bits = type_.bits or 8
    if bits >= 8:
        return np.ascontiguousarray(values, type_.dtype).tobytes()
    per_byte = 8 // bits
    fields = values.reshape(-1).astype(np.uint8) & ((1 << bits) - 1)
    fields = np.pad(fields, (0, -fields.size % per_byte)).reshape(-1, per_byte)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    return (fields << shifts).sum(axis=1).astype(np.uint8).tobytes()
