"""Conversations with boards: right answers over bad lines, and clear words where there is none."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from faulty_ports import ROUGH, FaultyPort, Rates

from tfedge_converters.board import BoardError, session
from tfedge_converters.board.frames import Frame, FrameReader, encode_frame
from tfedge_converters.board.ports import Port, serial_port
from tfedge_converters.board.running import difference_from_host, run_samples
from tfedge_converters.board.session import Session

pytest.importorskip("termios", reason="serial ports are those of POSIX")


def assert_equal(outputs, right):
    for sample, wanted in zip(outputs, right, strict=True):
        for a, b in zip(sample, wanted, strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


def test_outputs_and_layers_are_those_of_this_computer(converted):
    with converted.board.opened() as port:
        run = run_samples(port, converted.program, converted.samples, 3)
        again = run_samples(port, converted.program, converted.samples, 3)
    assert_equal(run.outputs, converted.right)
    assert_equal(again.outputs, converted.right)
    assert run.retries == 0
    assert [len(layers) for layers in run.layers] == [len(converted.program.layers)] * 6
    assert len({layer.digest for layers in run.layers for layer in layers}) > 6
    assert difference_from_host(run, converted.program, converted.samples, 3) == ""
    assert "layer 0" in difference_from_host(run, converted.program, converted.samples[::-1], 3)


@pytest.mark.parametrize(
    "rates", [Rates(lost=0.003), Rates(changed=0.003), Rates(repeated=0.003),
              Rates(swallowed=0.2), Rates(replayed=0.5), ROUGH],
    ids=["lost", "changed", "repeated", "swallowed", "replayed", "all"],
)  # fmt: skip
def test_no_wrong_answer_is_taken_over_a_bad_line(converted, rates):
    """The state of the model shows what a board has computed twice, or not at all."""
    with converted.board.opened() as clean:
        port = FaultyPort(clean, rates, random.Random(5))
        run = run_samples(port, converted.program, converted.samples, 3)
    with converted.board.opened() as clean:
        right = run_samples(clean, converted.program, converted.samples, 3)
    assert sum(port.faults.values()) >= 3
    assert_equal(run.outputs, converted.right)
    assert run.layers == right.layers


class Answering(Port):
    """A board that answers whatever a function makes of a request."""

    def __init__(self, answers):
        self.title = "the board"
        self._answers = answers
        self._pending = b""
        self._reader = FrameReader()

    def write(self, data):
        for request in self._reader.feed(data):
            self._pending += b"".join(map(encode_frame, self._answers(request)))

    def read(self, until):
        data, self._pending = self._pending, b""
        if not data:
            time.sleep(max(until - time.monotonic(), 0))
        return data


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda r: Frame(0x81, r.session, r.sequence, b"", 2), "version 2 of the link"),
        (lambda r: Frame(0x81, r.session, r.sequence, b"?"), "HELLO is malformed"),
        (lambda r: Frame(0xFF, r.session, r.sequence, b"\1"), "another version of the link"),
        (lambda r: Frame(0xFF, r.session, r.sequence, b"\2"), "has been reset"),
        (lambda r: Frame(0xFF, r.session, r.sequence, b"\x63"), "error of no known kind"),
        (lambda r: Frame(0x81, r.session + 1, r.sequence, b""), "gave no answer for 1 s"),
        (lambda r: Frame(0x81, r.session, r.sequence + 1, b""), "gave no answer for 1 s"),
        (lambda r: Frame(0x82, r.session, r.sequence, b""), "gave no answer for 1 s"),
    ],
)
def test_boards_that_cannot_be_talked_with_are_refused_in_words(answer, words, monkeypatch):
    monkeypatch.setenv("TFEDGE_TOOL_SECONDS", "1")
    with pytest.raises(BoardError, match=words):
        Session(Answering(lambda request: [answer(request)]))


def test_strange_requests_are_answered_with_errors_and_do_no_harm(converted):
    """Whole frames of a stranger, between noise; sanitizers watch."""
    rng = random.Random(3)
    inputs = b"".join(array.tobytes() for array in converted.samples[0])
    sizes = (0, 1, 4, len(inputs) - 1, len(inputs), 2**31, 2**32 - 1)
    parts = [number.to_bytes(4, "little") for number in sizes]
    parts += [
        b"\2" + bytes(8),
        b"",
        b"\0\0",
        b"\1\0",
        b"\xff\xff",
        b"?",
        bytes(240),
        bytes(252),
        bytes(300),
    ]
    with converted.board.opened() as port:
        talk = Session(port)
        right = talk.run(inputs).outputs
        answers = set()
        reader = FrameReader()
        for _ in range(1000):
            payload = b"".join(rng.choice(parts) for _ in range(rng.randint(0, 3)))
            kind = rng.choice([2, 3, 4, 5, 0, 0x80, 0xFF])
            talk._sequence += 1
            frame = Frame(kind, talk._id, talk._sequence, payload)
            port.write(rng.randbytes(rng.randint(0, 20)) + encode_frame(frame))
            for answer in reader.feed(port.read(time.monotonic() + 0.01)):
                answers.add((answer.kind, answer.payload[:1] * (answer.kind == 0xFF)))
        assert talk.run(inputs).outputs == right
    errors = {(0xFF, bytes([code])) for code in (3, 4, 5)}
    assert {*errors, (0x82, b""), (0x84, b""), (0x85, b"")} <= answers


@contextmanager
def changed(converted, what, monkeypatch):
    """A session with the true board, some of whose answers another function makes."""
    with converted.board.opened() as port:
        read = port.read
        reader = FrameReader()

        def changed_read(until):
            frames = reader.feed(read(until))
            return b"".join(encode_frame(what(frame)) for frame in frames)

        monkeypatch.setattr(port, "read", changed_read)
        yield port


@pytest.mark.parametrize(
    "kind, payload, words",
    [
        (0x82, b"?", "answers WRITE with another number of bytes"),
        (0x83, b"\xff" * 8, "failed on .*: invoke returned -1"),
        (0x83, bytes(8), "gave other outputs than it has computed"),
        (0x84, b"", "answers READ with another number of bytes"),
        (0x85, b"", "LAYERS is malformed"),
    ],
)
def test_answers_that_are_no_true_ones_are_refused(converted, kind, payload, words, monkeypatch):
    def replaced(frame):
        other = Frame(kind, frame.session, frame.sequence, payload)
        return other if frame.kind == kind else frame

    with (
        changed(converted, replaced, monkeypatch) as port,
        pytest.raises(BoardError, match=words),
    ):
        run_samples(port, converted.program, converted.samples[:1])


def test_a_board_that_begins_anew_is_noticed(converted):
    inputs = b"".join(array.tobytes() for array in converted.samples[0])
    with converted.board.opened() as first, converted.board.opened() as second:
        one = Session(first)
        one.run(inputs)
        one._port = second
        with pytest.raises(BoardError, match="has been reset, or talks with another program"):
            one.run(inputs)


def test_ticks_of_a_counter_that_has_gone_round_are_none(converted, monkeypatch):
    def with_rate(frame):
        if frame.kind != 0x81:
            return frame
        rate = (1 << 31).to_bytes(4, "little")
        payload = frame.payload[:16] + rate + frame.payload[20:]
        return Frame(frame.kind, frame.session, frame.sequence, payload)

    monkeypatch.setattr(session, "_TICKS_OF_A_ROUND", 1)
    with changed(converted, with_rate, monkeypatch) as port:
        run = run_samples(port, converted.program, converted.samples[:1])
    assert {layer.ticks for layer in run.layers[0]} == {None}


def test_a_board_that_crashes_is_named_with_its_words(converted):
    with converted.board.opened() as port:
        talk = Session(port)
        os.close(port._writes)
        os.dup2(os.open(os.devnull, os.O_RDWR), port._writes)
        with pytest.raises(BoardError, match="is gone: it ended with exit code 0"):
            talk.run(bytes(talk.hello.input_bytes))


@pytest.mark.parametrize(
    "path, baud, words",
    [
        ("/dev/no-such-port", 115200, "cannot be opened: No such file"),
        ("/dev/null", 115200, "is no serial port: Inappropriate ioctl"),
        ("/dev/ptmx", 12345, "12345 is no rate of serial ports"),
        ("/dev/ptmx", 0, "0 is no rate of serial ports"),
        ("a\0b", 115200, "cannot be opened"),
        ("/tmp", 115200, "cannot be opened: Is a directory"),
    ],
)
def test_ports_that_are_none_are_refused_in_words(path, baud, words):
    with pytest.raises(BoardError, match=words), serial_port(path, baud):
        pass


def test_a_port_has_one_reader_at_a_time():
    ours, theirs = os.openpty()
    path = os.ttyname(theirs)
    taken = pytest.raises(BoardError, match="another program talks with it")
    with serial_port(path), taken, serial_port(path):
        pass
    os.close(ours)
    os.close(theirs)


@contextmanager
def relayed(board, rates=None):
    """The path of a terminal that leads to a board's port, through a line with faults."""
    ours, theirs = os.openpty()
    port = Port("the terminal", ours, ours)
    line = board if rates is None else FaultyPort(board, rates, random.Random(1))
    done = threading.Event()

    def carry(source, destination):
        while not done.is_set():
            if data := source.read(time.monotonic() + 0.05):
                destination.write(data)

    threads = [threading.Thread(target=carry, args=way) for way in ((line, port), (port, line))]
    try:
        for thread in threads:
            thread.start()
        yield os.ttyname(theirs)
    finally:
        done.set()
        for thread in threads:
            thread.join()
        os.close(ours)
        os.close(theirs)


def test_a_terminal_carries_all_bytes(converted):
    """Serial ports are set to change nothing: no ends of lines, no control characters."""
    with (
        converted.board.opened() as board,
        relayed(board, ROUGH) as path,
        serial_port(path) as port,
    ):
        run = run_samples(port, converted.program, converted.samples, 3)
    assert_equal(run.outputs, converted.right)
