"""Weights by a range variant of asymmetric numeral systems (rANS).

Source: J. Duda, Asymmetric numeral systems, arXiv:1311.2540; the reader is
c_runtime/tfedge_entropy_weights.c.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# A value's share of all is a multiple of 2^-12; a state lies within 2^23 to 2^31 - 1.
_BITS = 12
_SHARES = 1 << _BITS
_LEAST_STATE = 1 << 23
_STATE_BYTES = 4

# The reader looks for a value among the shares one by one, the largest first.
_MOST_STEPS = 24.0


@dataclass(frozen=True, eq=False)
class Coded:
    """A stream of values.

    Attributes:
        values: int8, from the most frequent on.
        begins: int16, where each one's share of 4096 begins, and 4096.
        stream: bytes as int8: the state to begin with, then what fills it up.
    """

    values: np.ndarray
    begins: np.ndarray
    stream: np.ndarray


def encode(data: np.ndarray) -> Coded | None:
    """Code int8 values; None where so many occur that to look for each takes long.

    Args:
        data: int8, one axis, not empty.
    """
    values, counts = np.unique(data, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    values, counts = values[order], counts[order]
    steps = float((counts * np.arange(counts.size)).sum() / data.size)
    if steps > _MOST_STEPS:
        return None
    begins = np.concatenate([[0], np.cumsum(_shares(counts))])
    symbols = np.empty(256, np.int64)
    symbols[values.view(np.uint8)] = np.arange(values.size)
    stream = _stream(symbols[data.view(np.uint8)].tolist(), begins.tolist())
    return Coded(values, begins.astype(np.int16), stream)


def decode(coded: Coded, count: int) -> np.ndarray:
    """The first values of a stream: int8, (count,)."""
    stream = coded.stream.view(np.uint8).tolist()
    state = int.from_bytes(bytes(stream[:_STATE_BYTES]), "little")
    place = _STATE_BYTES
    begins = coded.begins.astype(np.int64)
    result = np.empty(count, np.int8)
    for index in range(count):
        share = state % _SHARES
        symbol = int(np.searchsorted(begins, share, side="right")) - 1
        first, size = int(begins[symbol]), int(begins[symbol + 1] - begins[symbol])
        state = size * (state >> _BITS) + share - first
        while state < _LEAST_STATE:
            state = state << 8 | stream[place]
            place += 1
        result[index] = coded.values[symbol]
    return result


def _shares(counts: np.ndarray) -> np.ndarray:
    """Shares in proportion to counts, descending, each at least 1, that make up all.

    What rounding leaves too many or too few of goes where a value more or less costs least.
    """
    exact = counts / counts.sum() * _SHARES
    shares = np.maximum(np.floor(exact).astype(np.int64), 1)
    while shares.sum() != _SHARES:
        step = 1 if shares.sum() < _SHARES else -1
        gain = counts * np.log2(
            (shares + step) / shares, where=shares + step > 0, out=np.full(shares.size, -np.inf)
        )
        shares[int(np.argmax(gain))] += step
    return shares


def _stream(symbols: list[int], begins: list[int]) -> np.ndarray:
    """The stream of symbols, which are put in from the last one on."""
    state, filled = _LEAST_STATE, bytearray()
    for symbol in reversed(symbols):
        first, size = begins[symbol], begins[symbol + 1] - begins[symbol]
        while state >= (_LEAST_STATE >> _BITS << 8) * size:
            filled.append(state & 0xFF)
            state >>= 8
        state = (state // size << _BITS) + state % size + first
    data = state.to_bytes(_STATE_BYTES, "little") + bytes(reversed(filled))
    return np.frombuffer(data, np.int8)
