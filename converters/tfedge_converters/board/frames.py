"""Frames of the link: bytes that say where they begin, and whether they are whole.

A frame is COBS (Cheshire and Baker 1999) between bytes of 0, so that a reader finds the next one
whatever it has lost; device/tfedge_link.h has the format.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

VERSION = 1

_HEADER = struct.Struct("<BBII")
_CRC = struct.Struct("<I")
_LONGEST_BLOCK = 255
_LONGEST_PAYLOAD = 4096
_LONGEST = _HEADER.size + _LONGEST_PAYLOAD + _CRC.size
# COBS adds a byte to each block of 254.
_LONGEST_ENCODED = _LONGEST + _LONGEST // (_LONGEST_BLOCK - 1) + 1


@dataclass(frozen=True)
class Frame:
    """A request, or the answer to one.

    Attributes:
        kind: of `protocol.Kind`.
        session: chosen by the host when it says hello.
        sequence: the request's number.
        payload: up to 4096 bytes.
        version: of the protocol.
    """

    kind: int
    session: int
    sequence: int
    payload: bytes = b""
    version: int = VERSION


def encode_frame(frame: Frame) -> bytes:
    """The bytes to send; they begin with a 0 that ends whatever has come before."""
    head = _HEADER.pack(frame.version, frame.kind, frame.session, frame.sequence)
    body = head + frame.payload
    return b"\0" + _to_cobs(body + _CRC.pack(zlib.crc32(body))) + b"\0"


class FrameReader:
    """Finds whole frames in a stream that may hold anything.

    Attributes:
        damaged: how many pieces between zeros were no frame.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete; bytes that cannot become one are forgotten."""
        frames = []
        *pieces, rest = data.split(b"\0")
        for piece in pieces:
            self._keep(piece)
            whole, self._pending = bytes(self._pending), bytearray()
            frame = _decode(whole)
            if frame is not None:
                frames.append(frame)
            elif whole:
                self.damaged += 1
        self._keep(rest)
        return frames

    def _keep(self, piece: bytes) -> None:
        """One byte more than the longest frame is enough to know that it is none."""
        room = _LONGEST_ENCODED + 1 - len(self._pending)
        self._pending += piece[: max(room, 0)]


def _decode(encoded: bytes) -> Frame | None:
    if len(encoded) > _LONGEST_ENCODED:
        return None
    data = _from_cobs(encoded)
    if data is None or len(data) < _HEADER.size + _CRC.size:
        return None
    body = data[: -_CRC.size]
    if _CRC.unpack(data[-_CRC.size :]) != (zlib.crc32(body),):
        return None
    version, kind, session, sequence = _HEADER.unpack_from(body)
    return Frame(kind, session, sequence, body[_HEADER.size :], version)


def _to_cobs(data: bytes) -> bytes:
    encoded = bytearray()
    for stretch in data.split(b"\0"):
        while len(stretch) >= _LONGEST_BLOCK - 1:
            encoded += bytes([_LONGEST_BLOCK]) + stretch[: _LONGEST_BLOCK - 1]
            stretch = stretch[_LONGEST_BLOCK - 1 :]
        encoded += bytes([len(stretch) + 1]) + stretch
    return bytes(encoded)


def _from_cobs(encoded: bytes) -> bytes | None:
    """None if a block ends behind the data."""
    data = bytearray()
    position = 0
    while position < len(encoded):
        code = encoded[position]
        block = encoded[position + 1 : position + code]
        position += code
        if len(block) != code - 1:
            return None
        data += block
        if code != _LONGEST_BLOCK and position < len(encoded):
            data.append(0)
    return bytes(data)
