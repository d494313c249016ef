"""Payloads of the requests and answers of the link; device/tfedge_link.h has the format.

Whatever comes from a port is a stranger's: lengths and ranges are checked before use.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn

from tfedge.terminal_text import readable
from tfedge_converters.board.errors import BoardError

_HELLO = struct.Struct("<5I2H")
_WRITE = struct.Struct("<I")
_RUN = struct.Struct("<IIB")
_RUN_ANSWER = struct.Struct("<iI")
_READ = struct.Struct("<IH")
_LAYERS = struct.Struct("<H")
_LAYER = struct.Struct("<II")
_LEAST_PAYLOAD, _LONGEST_PAYLOAD = 224, 4096
_UNCOUNTED = 0xFFFF_FFFF


class Kind(IntEnum):
    """Kinds of frames; an answer's is that of the request and `ANSWER`."""

    HELLO = 0x01
    WRITE = 0x02
    RUN = 0x03
    READ = 0x04
    LAYERS = 0x05
    ANSWER = 0x80
    ERROR = 0xFF


class ErrorCode(IntEnum):
    """tfedge_link_error of device/tfedge_link.h."""

    OTHER_VERSION = 1
    NO_SESSION = 2
    UNKNOWN_KIND = 3
    OUT_OF_RANGE = 4
    OTHER_INPUTS = 5


@dataclass(frozen=True)
class Hello:
    """A board, as it introduces itself.

    Attributes:
        set_id: of the generated files that it was built from.
        input_bytes, output_bytes: of all inputs and outputs.
        state_bytes: that the model keeps between invocations.
        ticks_per_second: of its clock; 0 where that is unknown.
        num_layers: of the model.
        longest_payload: of its frames.
        model: the model's name.
        model_hash: SHA-256 of the model's file, in hexadecimal digits.
        tick_unit: what it counts.
    """

    set_id: int
    input_bytes: int
    output_bytes: int
    state_bytes: int
    ticks_per_second: int
    num_layers: int
    longest_payload: int
    model: str
    model_hash: str
    tick_unit: str


@dataclass(frozen=True)
class LayerRecord:
    """A layer in the last run, as the board tells of it.

    Attributes:
        digest: CRC-32 of what the layer made; 0 of one that makes nothing.
        ticks: of the board's clock; None if they could not be counted.
    """

    digest: int
    ticks: int | None


def write_request(offset: int, data: bytes) -> bytes:
    """Bytes to put into the inputs, from an offset on."""
    return _WRITE.pack(offset) + data


def write_room(longest_payload: int) -> int:
    """How many bytes of inputs one request can take."""
    return longest_payload - _WRITE.size


def run_request(number: int, input_crc: int, begins: bool) -> bytes:
    """Run number `number` of the session, if the inputs are those of the CRC-32."""
    return _RUN.pack(number, input_crc, begins)


def read_request(offset: int, size: int) -> bytes:
    """Bytes of the outputs, from an offset on."""
    return _READ.pack(offset, size)


def layers_request(first: int) -> bytes:
    """The layers from this one on."""
    return _LAYERS.pack(first)


def parse_hello(payload: bytes) -> Hello:
    """Take the answer to a HELLO apart.

    Raises:
        BoardError: it is none.
    """
    if len(payload) < _HELLO.size:
        _refuse("HELLO")
    numbers = _HELLO.unpack_from(payload)
    texts, rest = [], payload[_HELLO.size :]
    for _ in range(3):
        if not rest or len(rest) <= rest[0]:
            _refuse("HELLO")
        texts.append(readable(rest[1 : 1 + rest[0]].decode("ascii", "replace")))
        rest = rest[1 + rest[0] :]
    hello = Hello(*numbers, *texts)
    if rest or not _LEAST_PAYLOAD <= hello.longest_payload <= _LONGEST_PAYLOAD:
        _refuse("HELLO")
    return hello


def parse_run(payload: bytes) -> tuple[int, int]:
    """The status that invoke returned, and the CRC-32 of the outputs.

    Raises:
        BoardError: it is no answer to a RUN.
    """
    if len(payload) != _RUN_ANSWER.size:
        _refuse("RUN")
    status, crc = _RUN_ANSWER.unpack(payload)
    return status, crc


def parse_layers(payload: bytes, most: int) -> list[LayerRecord]:
    """At least one layer.

    Raises:
        BoardError: it is no answer to a LAYERS, or has more than `most`.
    """
    count, rest = divmod(len(payload), _LAYER.size)
    if rest or not 1 <= count <= most:
        _refuse("LAYERS")
    return [
        LayerRecord(digest, None if ticks == _UNCOUNTED else ticks)
        for digest, ticks in _LAYER.iter_unpack(payload)
    ]


def parse_error(payload: bytes) -> int:
    """The code of an ERROR.

    Raises:
        BoardError: it is none.
    """
    if len(payload) != 1:
        _refuse("ERROR")
    return payload[0]


def _refuse(kind: str) -> NoReturn:
    raise BoardError(
        f"the board's answer to {kind} is malformed: its firmware has another tfedge_link.c than "
        "this tfedge; build and flash it again"
    )
