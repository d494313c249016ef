"""Which channels stand or fall together: sets of channels that are joined as they are found."""

from __future__ import annotations

import numpy as np

# Channels along one axis of a tensor, by number; the same number means the same channel.
Channels = np.ndarray


class ChannelSets:
    """Channels, numbered from 0, in sets that only ever grow (union-find)."""

    def __init__(self) -> None:
        self._parents: list[int] = []

    def fresh(self, count: int) -> Channels:
        """New channels, each a set of its own."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return np.arange(first, first + count)

    def couple(self, first: Channels, second: Channels) -> None:
        """Join the sets of channels in pairs; both arrays have one length."""
        different = first != second
        for a, b in zip(first[different].tolist(), second[different].tolist(), strict=True):
            low, high = sorted((self._root(a), self._root(b)))
            self._parents[high] = low

    def _root(self, channel: int) -> int:
        parents = self._parents
        while parents[channel] != channel:
            parents[channel] = parents[parents[channel]]
            channel = parents[channel]
        return channel

    def groups(self) -> tuple[np.ndarray, int]:
        """For every channel the number of its set, counted from 0, and how many sets there are."""
        roots = np.array([self._root(channel) for channel in range(len(self._parents))], int)
        distinct, numbers = np.unique(roots, return_inverse=True)
        return numbers, len(distinct)
