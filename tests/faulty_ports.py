"""Ports that lose, change and repeat bytes, and repeat and swallow what they have carried."""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass

from tfedge_converters.board.ports import Port

_REMEMBERED = 8


@dataclass(frozen=True)
class Rates:
    """Probabilities of faults: of a byte, and of what is carried at once."""

    lost: float = 0.0
    changed: float = 0.0
    repeated: float = 0.0
    swallowed: float = 0.0
    replayed: float = 0.0
    noise: float = 0.0


# Of a frame of a hundred bytes, every third is damaged.
ROUGH = Rates(lost=1e-3, changed=1e-3, repeated=1e-3, swallowed=0.02, replayed=0.05, noise=0.02)


class FaultyPort(Port):
    """Another port, with faults in both directions.

    Attributes:
        faults: how many of each kind there were.
    """

    def __init__(self, port: Port, rates: Rates, rng: random.Random) -> None:
        self.title = port.title
        self.faults: Counter[str] = Counter()
        self._port = port
        self._rates = rates
        self._rng = rng
        self._carried = {way: deque(maxlen=_REMEMBERED) for way in ("in", "out")}

    def read(self, until: float) -> bytes:
        while data := self._port.read(until):
            if harmed := self._harmed(data, "in"):
                return harmed
        return b""

    def write(self, data: bytes) -> None:
        self._port.write(self._harmed(data, "out"))

    def _harmed(self, data: bytes, way: str) -> bytes:
        carried = self._carried[way]
        carried.append(data)
        result = b"" if self._happens("swallowed") else b"".join(map(self._harmed_byte, data))
        if self._happens("replayed"):
            result += self._rng.choice(carried)
        if self._happens("noise"):
            result += self._rng.randbytes(self._rng.randint(1, 300))
        return result

    def _harmed_byte(self, byte: int) -> bytes:
        if self._happens("lost"):
            return b""
        if self._happens("changed"):
            byte ^= 1 << self._rng.randrange(8)
        return bytes([byte]) * (2 if self._happens("repeated") else 1)

    def _happens(self, kind: str) -> bool:
        happened = self._rng.random() < getattr(self._rates, kind)
        self.faults[kind] += happened
        return happened
