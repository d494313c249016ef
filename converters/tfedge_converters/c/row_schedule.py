"""In which order the bands of several layers are computed, and how many rows have to be kept.

The last layer's bands are computed one after the other; before each, whatever rows it needs and
are not there yet, which goes back to the first layer. So no row is computed twice, and none before
it is needed. Rows of a tensor are kept in a buffer from the oldest that a layer still needs, one
behind the other, as kernels expect them: when there is no room for the next ones, those that are
needed move to its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfedge_converters.c.row_bands import Rows

# The tensor that comes from outside, among the sources of a stage.
INPUT = -1


@dataclass(frozen=True)
class Stage:
    """A layer in a chain of layers.

    Attributes:
        rows: how its rows depend on those of its operands.
        sources: the stages whose outputs it reads, or `INPUT`, one for each operand.
        band: rows of a band; of the last one, what is left.
    """

    rows: Rows
    sources: tuple[int, ...]
    band: int


@dataclass(frozen=True)
class Turn:
    """One call of a kernel.

    Attributes:
        stage: whose band is computed.
        first, last: its rows, from which to before which.
        dropped: rows at the beginning of the output's buffer that nobody needs any more, and that
            the others move over first; 0 as long as there is room behind them.
    """

    stage: int
    first: int
    last: int
    dropped: int


@dataclass(frozen=True)
class Schedule:
    """The turns of a chain of stages.

    Attributes:
        turns: in order.
        capacities: rows that each stage's buffer has room for: of the last one, all.
        lead: for every turn of the last stage, rows of the output that are written then, and rows
            of the input that nothing needs any more.
    """

    turns: tuple[Turn, ...]
    capacities: tuple[int, ...]
    lead: tuple[tuple[int, int], ...]


def schedule(stages: Sequence[Stage]) -> Schedule:
    """Order the bands of stages, of which each reads the input or stages before it."""
    return _Scheduler(stages).schedule()


class _Scheduler:
    def __init__(self, stages: Sequence[Stage]):
        self.stages = stages
        self.done = [0] * len(stages)
        self.readers = {
            source: [index for index, stage in enumerate(stages) if source in stage.sources]
            for source in range(INPUT, len(stages))
        }
        self.runs: list[tuple[int, int, int, int]] = []
        self.lead: list[tuple[int, int]] = []

    def schedule(self) -> Schedule:
        last = len(self.stages) - 1
        capacities = [0] * len(self.stages)
        while self.done[last] < self.stages[last].rows.output_height:
            index = self._next_stage()
            first, end = self._band(index)
            oldest = self._oldest(index)
            capacities[index] = max(capacities[index], end - min(oldest, first))
            if index == last:
                # Before it counts as done: kernels go on reading as they write.
                self.lead.append((end, self._oldest(INPUT)))
            self.runs.append((index, first, end, oldest))
            self.done[index] = end
        capacities[last] = self.stages[last].rows.output_height
        return Schedule(self._turns(capacities), tuple(capacities), tuple(self.lead))

    def _band(self, index: int) -> tuple[int, int]:
        stage, first = self.stages[index], self.done[index]
        return first, min(first + stage.band, stage.rows.output_height)

    def _next_stage(self) -> int:
        """The stage whose band the last one waits for, directly or through others."""
        index = len(self.stages) - 1
        while True:
            needed = self.stages[index].rows.seen(*self._band(index))[1]
            lacking = [
                source
                for source in self.stages[index].sources
                if source != INPUT and self.done[source] < needed
            ]
            if not lacking:
                return index
            index = lacking[0]

    def _oldest(self, source: int) -> int:
        """The first row of a stage's output, or of the input, that a band to come needs."""
        return min(
            (self.stages[reader].rows.oldest(self.done[reader]) for reader in self.readers[source]),
            default=0,
        )

    def _turns(self, capacities: Sequence[int]) -> tuple[Turn, ...]:
        begins = [0] * len(self.stages)
        turns = []
        for index, first, end, oldest in self.runs:
            dropped = 0
            if end - begins[index] > capacities[index]:
                dropped = min(oldest, first) - begins[index]
                begins[index] += dropped
            turns.append(Turn(index, first, end, dropped))
        return tuple(turns)
