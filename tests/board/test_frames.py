"""Frames of the link: whole ones come back, and nothing else does."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfedge_converters.board import BoardError, protocol
from tfedge_converters.board.frames import Frame, FrameReader, encode_frame

LONGEST = 4096
# By hand, from the rules of the paper.
EXAMPLES = [
    (b"\0", "0101"),
    (b"\0\0", "010101"),
    (b"\x11\x22\0\x33", "0311220233"),
    (b"\x11\0\0\0", "0211010101"),
]
SIZES = [0, 1, 239, 240, 241, 253, 254, 255, 300, 508, LONGEST]


@pytest.mark.parametrize("data, encoded", EXAMPLES)
def test_stuffing_is_that_of_the_paper(data, encoded):
    from tfedge_converters.board import frames

    assert frames._to_cobs(data).hex() == encoded
    assert frames._from_cobs(bytes.fromhex(encoded)) == data


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("byte", [b"\0", b"\xff", None])
def test_payloads_of_every_length_come_back(size, byte):
    payload = random.Random(size).randbytes(size) if byte is None else byte * size
    frame = Frame(3, 0xFFFF_FFFF, 0, payload)
    encoded = encode_frame(frame)
    assert encoded[0] == encoded[-1] == 0 and 0 not in encoded[1:-1]
    reader = FrameReader()
    assert [found for byte in encoded for found in reader.feed(bytes([byte]))] == [frame]
    assert reader.damaged == 0


@given(st.lists(st.binary(max_size=40), max_size=5), st.binary(max_size=600))
def test_frames_are_found_between_anything(payloads, noise):
    frames = [Frame(1, 7, index, payload) for index, payload in enumerate(payloads)]
    stream = b"".join(noise + encode_frame(frame) for frame in frames)
    # What ends in the noise is no frame, but by the chance of a CRC.
    assert list(FrameReader().feed(stream)) == frames


@given(st.binary(min_size=1, max_size=200), st.data())
def test_damaged_frames_are_none(payload, data):
    encoded = bytearray(encode_frame(Frame(2, 1, 1, payload)))
    position = data.draw(st.integers(1, len(encoded) - 2))
    change = data.draw(st.sampled_from(["lost", "changed", "repeated"]))
    if change == "lost":
        del encoded[position]
    elif change == "repeated":
        encoded.insert(position, encoded[position])
    else:
        encoded[position] ^= data.draw(st.integers(1, 255))
    reader = FrameReader()
    assert list(reader.feed(bytes(encoded))) == []
    assert reader.damaged >= 1
    whole = Frame(2, 1, 2, payload)
    assert list(reader.feed(encode_frame(whole))) == [whole]


def test_a_stream_without_zeros_takes_no_memory():
    reader = FrameReader()
    for _ in range(100):
        assert list(reader.feed(b"x" * 10_000)) == []
    assert len(reader._pending) < 5000
    assert [frame.kind for frame in reader.feed(encode_frame(Frame(1, 1, 1)))] == [1]


HELLO = (
    bytes(20) + (3).to_bytes(2, "little") + (256).to_bytes(2, "little")
    + b"\x03net" + b"\x02ab" + b"\0"
)  # fmt: skip


def test_a_hello_is_taken_apart():
    hello = protocol.parse_hello(HELLO)
    assert (hello.model, hello.model_hash, hello.tick_unit) == ("net", "ab", "")
    assert (hello.num_layers, hello.longest_payload) == (3, 256)
    escaped = protocol.parse_hello(HELLO.replace(b"net", b"\x1b[m"))
    assert "\x1b" not in escaped.model


@pytest.mark.parametrize(
    "parse, payload",
    [
        *((protocol.parse_hello, HELLO[:size]) for size in range(len(HELLO))),
        (protocol.parse_hello, HELLO + b"\0"),
        (protocol.parse_hello, HELLO.replace((256).to_bytes(2, "little"), b"\x10\0")),
        (protocol.parse_run, b""),
        (protocol.parse_run, bytes(9)),
        (lambda payload: protocol.parse_layers(payload, 2), b""),
        (lambda payload: protocol.parse_layers(payload, 2), bytes(12)),
        (lambda payload: protocol.parse_layers(payload, 2), bytes(24)),
        (protocol.parse_error, b""),
    ],
)
def test_malformed_answers_are_refused_in_words(parse, payload):
    with pytest.raises(BoardError, match="malformed"):
        parse(payload)


def test_layers_and_runs_are_taken_apart():
    payload = (5).to_bytes(4, "little") + b"\xff" * 4
    assert protocol.parse_layers(payload, 1) == [protocol.LayerRecord(5, None)]
    assert protocol.parse_run(b"\xff" * 4 + bytes(4)) == (-1, zlib.crc32(b""))
