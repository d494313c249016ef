"""Messages between the two processes, and how they lie in the memory that these share.

A message is a JSON object and raw bytes, each with its length in front; a message may carry a file
descriptor. Nothing else is understood, and above all no pickles: what runs a stranger's model may
have become the stranger's, so whoever reads looks at every number before using it.

Values of tensors do not travel in messages. They lie in memory that both processes map: some slots,
in each of them a few samples one behind the other, in each of these the tensors.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SLOTS = 2

_LENGTHS = struct.Struct("<QQ")
_MOST_JSON_BYTES = 1 << 24
_MOST_RAW_BYTES = 1 << 32
_CHUNK = 1 << 20
_ALIGNMENT = 64

DTYPES = frozenset(
    {
        *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    }
)


class WireError(Exception):
    """The other side is gone, or says what nobody should."""


@dataclass(frozen=True)
class Spec:
    """The shape and the type of a tensor's values."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def byte_size(self) -> int:
        """Bytes that a value takes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def to_json(self) -> list[Any]:
        """A list that `from_json` takes."""
        return [list(self.shape), self.dtype.name]

    @classmethod
    def from_json(cls, value: Any) -> Spec:
        """Read the result of `to_json`.

        Raises:
            WireError: it is something else.
        """
        if not isinstance(value, list) or len(value) != 2 or value[1] not in DTYPES:
            raise WireError("not the type of a tensor")
        if not all(type(size) is int and size >= 0 for size in value[0]):
            raise WireError("not a shape")
        return cls(tuple(value[0]), np.dtype(value[1]))


class Layout:
    """Where the values of each sample lie within the shared memory.

    Args:
        specs: the tensors of a sample, in order.
        capacity: how many samples a slot has room for.
    """

    def __init__(self, specs: Sequence[Spec], capacity: int):
        self._specs = specs
        self._offsets = []
        self._capacity = capacity
        self.sample_bytes = 0
        for spec in specs:
            self._offsets.append(self.sample_bytes)
            self.sample_bytes += -(-spec.byte_size // _ALIGNMENT) * _ALIGNMENT

    @property
    def byte_size(self) -> int:
        """Bytes of all slots, at least one."""
        return max(SLOTS * self._capacity * self.sample_bytes, 1)

    def values(self, memory: Any, slot: int, index: int) -> list[np.ndarray]:
        """Views of the tensors of one sample."""
        begin = (slot * self._capacity + index) * self.sample_bytes
        return [
            np.ndarray(spec.shape, spec.dtype, memory, begin + offset)
            for spec, offset in zip(self._specs, self._offsets, strict=True)
        ]


def send(
    connection: socket.socket, head: dict[str, Any], raw: bytes = b"", descriptor: int | None = None
) -> None:
    """Send a message.

    Raises:
        WireError: nobody takes it.
    """
    text = json.dumps(head).encode()
    lengths = _LENGTHS.pack(len(text), len(raw))
    try:
        if descriptor is None:
            connection.sendall(lengths)
        else:
            socket.send_fds(connection, [lengths], [descriptor])
        connection.sendall(text)
        connection.sendall(raw)
    except (OSError, ValueError) as error:
        raise WireError(str(error)) from error


def receive(connection: socket.socket) -> tuple[dict[str, Any], bytes, list[int]]:
    """The next message: its object, its bytes, and file descriptors, for the caller to close.

    Raises:
        WireError: there is none, or it is no message.
        TimeoutError: the connection's time is over.
    """
    try:
        lengths, descriptors, _, _ = socket.recv_fds(connection, _LENGTHS.size, 1)
        lengths += _exactly(connection, _LENGTHS.size - len(lengths)) if lengths else b""
        if len(lengths) != _LENGTHS.size:
            raise WireError("closed")
        text_bytes, raw_bytes = _LENGTHS.unpack(lengths)
        if text_bytes > _MOST_JSON_BYTES or raw_bytes > _MOST_RAW_BYTES:
            raise WireError("too long")
        head = json.loads(bytes(_exactly(connection, text_bytes)))
        raw = bytes(_exactly(connection, raw_bytes))
    except TimeoutError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise WireError(str(error)) from error
    if not isinstance(head, dict):
        raise WireError("not an object")
    return head, raw, descriptors


def _exactly(connection: socket.socket, count: int) -> bytearray:
    data = bytearray()
    while len(data) < count:
        part = connection.recv(min(count - len(data), _CHUNK))
        if not part:
            raise WireError("closed")
        data += part
    return data
