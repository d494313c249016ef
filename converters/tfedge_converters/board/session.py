"""A conversation with a board: every answer belongs to its request, or is asked for again."""

from __future__ import annotations

import secrets
import time
import zlib
from dataclasses import dataclass

from tfedge_converters.board import protocol
from tfedge_converters.board.errors import BoardError
from tfedge_converters.board.frames import VERSION, Frame, FrameReader, encode_frame
from tfedge_converters.board.ports import Port
from tfedge_converters.board.protocol import ErrorCode, Hello, Kind, LayerRecord
from tfedge_converters.environment import positive_number
from tfedge_converters.execute.tool import SECONDS_VARIABLE

# A board that is reset when its port is opened may sit in its boot loader for a while.
HELLO_SECONDS = 10.0
ANSWER_SECONDS = 30.0
RUN_SECONDS = 300.0

# How long an answer is waited for before the request is sent again: at first, at least, at most. An
# inference may take longer than to copy bytes; a bad line wants many attempts.
_FIRST_PATIENCE, _LEAST_PATIENCE, _MOST_PATIENCE = 0.3, 0.02, 0.5
_MOST_PATIENCE_WITH_RUNS = 2.0
_PATIENCE_PER_TRIP = 3.0
_MOST_REWRITES = 10
_LAST_RUN = 0xFFFF_FFFF
_TICKS_OF_A_ROUND = 1 << 32


@dataclass(frozen=True)
class Run:
    """An inference on a board.

    Attributes:
        outputs: the bytes of all outputs, in their order.
        layers: what the board says of each.
        seconds: that the answer took, on this computer's clock.
    """

    outputs: bytes
    layers: list[LayerRecord]
    seconds: float


class Session:
    """A conversation, from the hello on.

    Attributes:
        hello: what the board has said of itself.
        exchanges: how many requests were answered.
        retries: how many times one had to be sent again.
    """

    def __init__(self, port: Port) -> None:
        """Say hello to the board.

        Raises:
            BoardError: nobody answers, or in a version that this tfedge does not know.
        """
        self.exchanges = self.retries = 0
        self._port = port
        self._reader = FrameReader()
        self._id = secrets.randbits(32)
        self._sequence = 0
        self._runs = 0
        self._patience: dict[Kind, float] = {}
        self.hello: Hello = protocol.parse_hello(self._ask(Kind.HELLO, b"", HELLO_SECONDS))

    def run(self, inputs: bytes, *, begins: bool = True) -> Run:
        """Run the model once.

        Args:
            inputs: the bytes of all inputs, in their order.
            begins: whether a sequence begins, for a model that keeps its state.

        Raises:
            BoardError: the board gives no answer, has been reset, or its model fails.
        """
        crc = zlib.crc32(inputs)
        self._runs += 1
        if self._runs > _LAST_RUN:
            raise BoardError("a session has 2^32 runs at most; begin another")
        request = protocol.run_request(self._runs, crc, begins)
        begun = time.monotonic()
        for _ in range(_MOST_REWRITES):
            self._write(inputs)
            begun = time.monotonic()
            answer = self._exchange(Kind.RUN, request, RUN_SECONDS)
            if answer.kind != Kind.ERROR or _code(answer) != ErrorCode.OTHER_INPUTS:
                break
        else:
            raise BoardError(f"{self._port.title} keeps other inputs than those it is sent")
        seconds = time.monotonic() - begun
        status, output_crc = protocol.parse_run(self._payload(Kind.RUN, answer))
        if status != 0:
            raise BoardError(
                f"model '{self.hello.model}' failed on {self._port.title}: invoke returned {status}"
            )
        outputs = self._read()
        if zlib.crc32(outputs) != output_crc:
            raise BoardError(
                f"{self._port.title} gave other outputs than it has computed: does something else "
                "there write to the model's arena?"
            )
        return Run(outputs, self._counted(self._layers(), seconds), seconds)

    def _counted(self, layers: list[LayerRecord], seconds: float) -> list[LayerRecord]:
        """Without the ticks, where the board's counter may have gone round meanwhile."""
        if seconds * self.hello.ticks_per_second < _TICKS_OF_A_ROUND:
            return layers
        return [LayerRecord(layer.digest, None) for layer in layers]

    def _write(self, inputs: bytes) -> None:
        room = protocol.write_room(self.hello.longest_payload)
        for offset in range(0, len(inputs), room):
            part = inputs[offset : offset + room]
            answer = self._ask(Kind.WRITE, protocol.write_request(offset, part), ANSWER_SECONDS)
            if answer:
                raise self._malformed(Kind.WRITE)

    def _read(self) -> bytes:
        outputs = b""
        while len(outputs) < self.hello.output_bytes:
            size = min(self.hello.longest_payload, self.hello.output_bytes - len(outputs))
            request = protocol.read_request(len(outputs), size)
            part = self._ask(Kind.READ, request, ANSWER_SECONDS)
            if len(part) != size:
                raise self._malformed(Kind.READ)
            outputs += part
        return outputs

    def _layers(self) -> list[LayerRecord]:
        layers: list[LayerRecord] = []
        while len(layers) < self.hello.num_layers:
            request = protocol.layers_request(len(layers))
            answer = self._ask(Kind.LAYERS, request, ANSWER_SECONDS)
            layers += protocol.parse_layers(answer, self.hello.num_layers - len(layers))
        return layers

    def _ask(self, kind: Kind, payload: bytes, seconds: float) -> bytes:
        """The payload of the answer."""
        return self._payload(kind, self._exchange(kind, payload, seconds))

    def _payload(self, kind: Kind, answer: Frame) -> bytes:
        if answer.kind != Kind.ERROR:
            return answer.payload
        words = _ERRORS.get(_code(answer), f"answers {kind.name} with an error of no known kind")
        raise BoardError(f"{self._port.title} {words.format(kind=kind.name)}")

    def _exchange(self, kind: Kind, payload: bytes, seconds: float) -> Frame:
        """The answer to a request, which is sent until it comes.

        Whatever else comes is none: frames that are damaged, of other requests or other sessions.
        """
        self._sequence += 1
        request = encode_frame(Frame(kind, self._id, self._sequence, payload))
        seconds = positive_number(SECONDS_VARIABLE, seconds)
        deadline = time.monotonic() + seconds
        patience = self._patience.get(kind, _FIRST_PATIENCE)
        most = _MOST_PATIENCE_WITH_RUNS if kind == Kind.RUN else _MOST_PATIENCE
        while True:
            sent = time.monotonic()
            self._port.write(request)
            answer = self._answer(kind, min(sent + patience, deadline))
            if answer is not None:
                trip = _PATIENCE_PER_TRIP * (time.monotonic() - sent)
                self._patience[kind] = min(max(trip, _LEAST_PATIENCE), most)
                self.exchanges += 1
                return answer
            if time.monotonic() >= deadline:
                raise self._silent(kind, seconds)
            self.retries += 1
            patience = min(2 * patience, most)

    def _answer(self, kind: Kind, until: float) -> Frame | None:
        """The answer to the last request; None if it has not come until then, or came damaged."""
        damaged = self._reader.damaged
        while self._reader.damaged == damaged:
            data = self._port.read(until)
            if not data:
                return None
            for frame in self._reader.feed(data):
                if (frame.session, frame.sequence) != (self._id, self._sequence):
                    continue
                if frame.version != VERSION:
                    raise BoardError(
                        f"{self._port.title} speaks version {frame.version} of the link, this "
                        f"tfedge {VERSION}: build its firmware with this tfedge and flash it again"
                    )
                if frame.kind in (kind | Kind.ANSWER, Kind.ERROR):
                    return frame
        return None

    def _silent(self, kind: Kind, seconds: float) -> BoardError:
        if kind == Kind.HELLO:
            return BoardError(
                f"{self._port.title} gave no answer for {seconds:g} s: is it the right port and "
                "rate, and does its firmware serve the link? 'tfedge flash' builds one that does"
            )
        return BoardError(
            f"{self._port.title} gave no answer to {kind.name} for {seconds:g} s; "
            f"{SECONDS_VARIABLE} gives it more"
        )

    def _malformed(self, kind: Kind) -> BoardError:
        return BoardError(
            f"{self._port.title} answers {kind.name} with another number of bytes than it was "
            "asked for: build its firmware with this tfedge and flash it again"
        )


_ERRORS: dict[int, str] = {
    ErrorCode.OTHER_VERSION: "speaks another version of the link: flash it again",
    ErrorCode.NO_SESSION: "has been reset, or talks with another program, since the last request: "
    "is its power supply stable, and its watchdog off?",
    ErrorCode.UNKNOWN_KIND: "does not know the request {kind}: flash it again",
    ErrorCode.OUT_OF_RANGE: "says that the request {kind} lies outside of its tensors: its "
    "firmware serves another model than it says",
    ErrorCode.OTHER_INPUTS: "keeps other inputs than those it is sent",
}


def _code(answer: Frame) -> int:
    return protocol.parse_error(answer.payload)
