"""Constants as indices into tables of values, which TFLite Micro's operator DECODE restores.

In front of an operator that reads compressed weights stands TFLM_DECODE. It reads the indices, of 1
to 7 bits, packed from the highest bit of a byte to the lowest, and an ancillary tensor: a header of
16 bytes and the values, a table for each channel that has a scale of its own.

Sources: compression/decode.py and compression/lut.py of tensorflow/lite/micro, and
kernels/decode_state_lut.cc.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tfedge.errors import UnsupportedError
from tfedge_converters.graph.types import Operator, Tensor, TensorType

_NAME = "TFLM_DECODE"
DECODE = f"CUSTOM {_NAME}"

_HEADER_BYTES = 16
# Places in the header, with what a table's must hold there.
_TYPE, _VERSION, _LUT_VERSION, _BITS, _STRIDE = 0, 1, 4, 5, 6
_LUT = {_TYPE: 0, _VERSION: 1, _LUT_VERSION: 1}
_MOST_BITS, _MOST_VALUES = 7, 128
# Types of the values that TFLite Micro restores.
_TYPES = frozenset(
    {
        TensorType.BOOL, TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32,
        TensorType.INT64,
    }
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Compressed:
    """A constant as DECODE reads it.

    Attributes:
        indices: bytes of the packed indices.
        ancillary: bytes of the header and the tables.
    """

    indices: np.ndarray
    ancillary: np.ndarray

    @property
    def byte_size(self) -> int:
        """Bytes of both."""
        return self.indices.size + self.ancillary.size


def compress(tensor: Tensor) -> Compressed | None:
    """Write a constant as indices into tables of its values.

    Returns:
        None where a channel has more than 128 values, or TFLite Micro knows no tables for the type,
        or for scales along that axis.
    """
    axis = _channel_axis(tensor)
    if tensor.data is None or not tensor.elements or tensor.type not in _TYPES or axis is None:
        return None
    moved = np.moveaxis(np.atleast_1d(tensor.data), axis, 0)
    # As bits: numbers that compare as equal, as zeros of either sign do, are not the same.
    bits_of = np.dtype(f"u{moved.dtype.itemsize}")
    rows = np.ascontiguousarray(moved).view(bits_of).reshape(_channels(tensor), -1)
    found = [np.unique(row, return_inverse=True) for row in rows]
    stride = max(values.size for values, _ in found)
    if stride > _MOST_VALUES:
        return None
    bits = max(1, (stride - 1).bit_length())
    tables = np.zeros((len(found), stride), bits_of)
    for table, (values, _) in zip(tables, found, strict=True):
        table[: values.size] = values
    places = np.stack([inverse.reshape(-1) for _, inverse in found]).reshape(moved.shape)
    header = np.zeros(_HEADER_BYTES, np.uint8)
    for place, value in (*_LUT.items(), (_BITS, bits), (_STRIDE, stride)):
        header[place] = value
    ancillary = np.concatenate([header, tables.reshape(-1).view(np.uint8)])
    return Compressed(_packed(np.moveaxis(places, 0, axis).reshape(-1), bits), ancillary)


def decode(tensor: Tensor, compressed: Compressed) -> Operator:
    """The operator that restores a constant, into a tensor that `tensor` is the model of."""
    operands: list[Tensor | None] = [
        Tensor(f"{tensor.name}_{what}", data.shape, TensorType.UINT8, data=data)
        for what, data in (("indices", compressed.indices), ("values", compressed.ancillary))
    ]
    return Operator("CUSTOM", operands, [replace(tensor, data=None)], custom_name=_NAME)


def is_decode(operator: Operator) -> bool:
    """Whether an operator restores constants."""
    return operator.kind == DECODE


def restored(operator: Operator) -> list[np.ndarray]:
    """The constants that a DECODE restores.

    Raises:
        UnsupportedError: they are stored in a form other than tables, or damaged.
    """
    if len(operator.inputs) != 2 * len(operator.outputs):
        raise UnsupportedError(f"{_NAME} restores a tensor from two, indices and their values")
    pairs = zip(operator.inputs[::2], operator.inputs[1::2], operator.outputs, strict=True)
    return [_restored(indices, ancillary, tensor) for indices, ancillary, tensor in pairs]


def _restored(indices: Tensor | None, ancillary: Tensor | None, tensor: Tensor) -> np.ndarray:
    packed, header = (_constant_bytes(operand, tensor) for operand in (indices, ancillary))
    if header.size < _HEADER_BYTES or any(header[place] != value for place, value in _LUT.items()):
        raise UnsupportedError(
            f"'{tensor.name}' is compressed in a form other than tables of values (version 1), "
            "which tfedge does not read; give the file that it was before"
        )
    axis, channels = _channel_axis(tensor), _channels(tensor)
    bits, stride = int(header[_BITS]) & _MOST_BITS, int(header[_STRIDE])
    dtype = tensor.type.dtype
    if dtype is None or tensor.type not in _TYPES or axis is None or not bits or not stride:
        raise _damaged(tensor)
    tables = header[_HEADER_BYTES:]
    if (
        tables.size != channels * stride * dtype.itemsize
        or packed.size != -(-tensor.elements * bits // 8)
        or tensor.elements % channels
    ):
        raise _damaged(tensor)
    places = _unpacked(packed, bits, tensor.elements)
    if places.size and int(places.max()) >= stride:
        raise _damaged(tensor)
    values = np.ascontiguousarray(tables).view(dtype).reshape(channels, stride)
    return values[_channel_of_each(tensor, axis, channels), places.reshape(tensor.shape)]


def _constant_bytes(operand: Tensor | None, tensor: Tensor) -> np.ndarray:
    if operand is None or operand.data is None or operand.type != TensorType.UINT8:
        raise _damaged(tensor)
    return operand.data.reshape(-1)


def _damaged(tensor: Tensor) -> UnsupportedError:
    return UnsupportedError(f"the compressed constant '{tensor.name}' does not fit its tables")


def _channel_axis(tensor: Tensor) -> int | None:
    """The axis of the channels that have tables of their own; None where TFLite Micro has none."""
    grid = tensor.quantization
    if grid is None:
        return 0
    known = (0, len(tensor.shape) - 1) if grid.scale.size > 1 else (0,)
    return grid.axis if grid.axis in known else None


def _channels(tensor: Tensor) -> int:
    return 1 if tensor.quantization is None else max(tensor.quantization.scale.size, 1)


def _channel_of_each(tensor: Tensor, axis: int, channels: int) -> np.ndarray:
    """The channel of every element, in a shape that is spread over the tensor's."""
    if channels == 1:
        return np.zeros((1,) * len(tensor.shape), np.intp)
    return np.arange(channels).reshape(
        tuple(channels if place == axis else 1 for place in range(len(tensor.shape)))
    )


def _packed(places: np.ndarray, bits: int) -> np.ndarray:
    wide = np.unpackbits(places.astype(np.uint8)[:, None], axis=1)
    return np.packbits(wide[:, -bits:])


def _unpacked(packed: np.ndarray, bits: int, count: int) -> np.ndarray:
    single = np.unpackbits(packed, count=count * bits).reshape(count, bits)
    return np.packbits(single, axis=1)[:, 0] >> (8 - bits)
