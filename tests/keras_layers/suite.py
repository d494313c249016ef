"""Takes configurations down both roads, in processes that may die."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from hostile.workers import run_jobs
from keras_layers.configurations import Place, configuration, places
from keras_layers.models import NoModelError, example
from keras_layers.roads import ROADS
from outcomes import DIED, NO_MODEL, Outcome

_MEMORY_BYTES = 8 << 30
_SECONDS = 120.0


@dataclass(frozen=True)
class Trial:
    """One configuration on one road.

    Attributes:
        place: of the configuration.
        layer: the name of its class.
        shown: the configuration in a line.
        road: a name of ROADS.
        outcome: what came of it.
        seconds: of processor time.
    """

    place: Place
    layer: str
    shown: str
    road: str
    outcome: Outcome
    seconds: float


def try_all(
    workers: int, count: int | None = None, seed: int = 1, only: str = ""
) -> Iterator[Trial]:
    """The trials of all configurations, or of `count` of them that the seed chooses.

    This process only starts others: TensorFlow must not have run in it.

    Args:
        workers: how many processes.
        count: of configurations; None for all.
        seed: of the choice.
        only: part of the names of the places to choose from.
    """
    chosen = _chosen(count, seed, only)
    jobs = [(place, road) for place in chosen for road in ROADS]

    def job(index: int, stage: Callable[[str], None]) -> tuple[str, str, Outcome]:
        place, road = jobs[index]
        layer = configuration(place)
        stage(f"{layer.layer}\n{layer}")
        return layer.layer, str(layer), outcome_at(place, road)

    for report in _run(job, len(jobs), workers):
        place, road = jobs[report.index]
        if report.result is not None:
            layer, text, outcome = report.result
        else:
            layer, _, text = report.stage.partition("\n")
            outcome = Outcome(DIED, report.failure.strip().splitlines()[-1])
        if outcome.result != NO_MODEL:
            yield Trial(place, layer, text, road, outcome, max(report.seconds, 0.0))


def outcome_at(place: Place, road: str) -> Outcome:
    """Takes one configuration down one road, in this process."""
    try:
        made = example(configuration(place), zlib.crc32(str(place).encode()))
    except NoModelError as error:
        return Outcome(NO_MODEL, str(error))
    return ROADS[road](made)


def _chosen(count: int | None, seed: int, only: str) -> list[Place]:
    (report,) = _run(lambda *_: places(), 1, 1)
    found = [place for place in report.result if only in str(place)]
    if count is None or count >= len(found):
        return found
    numbers = np.random.default_rng(seed).choice(len(found), count, replace=False)
    return [found[number] for number in sorted(numbers)]


def _run(job: Callable, count: int, workers: int) -> Iterator:
    return run_jobs(
        job, count, workers=workers, timeout=lambda _: _SECONDS, memory_bytes=_MEMORY_BYTES
    )
