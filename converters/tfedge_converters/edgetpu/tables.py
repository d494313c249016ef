"""Reader of the tables of a flatbuffer that is not trusted, field by field."""

from __future__ import annotations

import struct
from typing import Any

_MOST_TABLES = 1 << 16


class Table:
    """A table of a flatbuffer. Fields are named by their number in the schema, from 0.

    Every method raises ValueError where the bytes do not hold what they should.
    """

    def __init__(self, data: bytes, position: int):
        self.data, self.position = data, position
        self.vtable = position - _unpack("<i", data, position)
        self.size = _unpack("<H", data, self.vtable)

    @staticmethod
    def root(data: bytes, identifier: bytes = b"") -> Table:
        """The table that a buffer begins with."""
        if identifier and data[4:8] != identifier:
            raise ValueError(f"bytes 4 to 8 should read {identifier.decode()!r}")
        return Table(data, _unpack("<I", data, 0))

    def _field(self, number: int) -> int | None:
        """Where a field is; None if it has its default."""
        entry = 4 + 2 * number
        if entry + 2 > self.size:
            return None
        offset = _unpack("<H", self.data, self.vtable + entry)
        return self.position + offset if offset else None

    def number(self, number: int, format: str, default: Any = 0) -> Any:
        """A scalar, `format` as in `struct`."""
        where = self._field(number)
        return default if where is None else _unpack(format, self.data, where)

    def table(self, number: int) -> Table | None:
        """A table in a table."""
        where = self._field(number)
        return None if where is None else Table(self.data, where + _unpack("<I", self.data, where))

    def octets(self, number: int) -> bytes:
        """A vector of bytes, or a string; empty if there is none."""
        start, length = self._vector(number)
        return _piece(self.data, start, length)

    def text(self, number: int) -> str:
        """Read a string field."""
        return self.octets(number).decode("utf-8", "replace")

    def tables(self, number: int) -> list[Table]:
        """A vector of tables."""
        return [Table(self.data, at) for at in self._references(number)]

    def strings(self, number: int) -> list[bytes]:
        """A vector of strings, which may hold any bytes."""
        found = []
        for at in self._references(number):
            found.append(_piece(self.data, at + 4, _unpack("<I", self.data, at)))
        return found

    def _references(self, number: int) -> list[int]:
        start, length = self._vector(number)
        if length > _MOST_TABLES:
            raise ValueError(f"{length} entries")
        places = range(start, start + 4 * length, 4)
        return [at + _unpack("<I", self.data, at) for at in places]

    def _vector(self, number: int) -> tuple[int, int]:
        where = self._field(number)
        if where is None:
            return 0, 0
        start = where + _unpack("<I", self.data, where)
        return start + 4, _unpack("<I", self.data, start)


def _unpack(format: str, data: bytes, position: int) -> Any:
    if not 0 <= position <= len(data) - struct.calcsize(format):
        raise ValueError(f"nothing at byte {position} of {len(data)}")
    return struct.unpack_from(format, data, position)[0]


def _piece(data: bytes, start: int, length: int) -> bytes:
    if start + length > len(data):
        raise ValueError(f"{length} bytes at {start} of {len(data)}")
    return data[start : start + length]
