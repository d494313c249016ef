"""Numbered random models, made and checked in processes that may die."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import keras
from hostile.workers import run_jobs
from outcomes import DIED, Outcome
from random_keras.checks import check, smallest
from random_keras.device import device_outcomes
from random_keras.models import random_program

_MEMORY_BYTES = 8 << 30
# Masked recurrent layers are hundreds of operators.
_SECONDS = 600.0
# One model in so many is calibrated, converted and run too, which takes longer than all the rest.
DEVICE_SHARE = 25


@dataclass(frozen=True)
class Trial:
    """What came of one model.

    Attributes:
        index: its number.
        text: the lines that make it.
        outcomes: by the name of the check.
        smallest: the lines of the first part of it that goes wrong.
        seconds: of processor time.
    """

    index: int
    text: list[str]
    outcomes: dict[str, Outcome]
    smallest: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_fault(self) -> bool:
        """Whether a check failed."""
        return any(outcome.is_fault for outcome in self.outcomes.values())


def run_trial(
    seed: int,
    index: int,
    stage: Callable[[str], None] = lambda _: None,
    device_share: int = DEVICE_SHARE,
) -> Trial:
    """Makes and checks one model, in this process; one in `device_share` on the device too."""
    stage("make")
    keras.backend.clear_session()  # automatic names count from here, whatever came before
    program = random_program(seed, index)
    stage("\n".join(program.lines))
    outcomes = check(program, index)
    wrong = [form for form, outcome in outcomes.items() if outcome.is_fault]
    if wrong:
        return Trial(index, program.lines, outcomes, smallest(program, wrong[0], index))
    if index % device_share == min(1, device_share - 1):
        outcomes |= device_outcomes(program, outcomes, index)
    return Trial(index, program.lines, outcomes)


def run_trials(
    seed: int, count: int, workers: int, device_share: int = DEVICE_SHARE
) -> Iterator[Trial]:
    """The trials 0 to count - 1, as they end.

    This process only starts others: TensorFlow must not have run in it.
    """
    reports = run_jobs(
        lambda index, stage: run_trial(seed, index, stage, device_share),
        count,
        workers=workers,
        timeout=lambda _: _SECONDS,
        memory_bytes=_MEMORY_BYTES,
    )
    for report in reports:
        seconds = max(report.seconds, 0.0)
        if report.result is not None:
            yield replace(report.result, seconds=seconds)
            continue
        died = Outcome(DIED, report.failure.strip().splitlines()[-1])
        yield Trial(report.index, report.stage.splitlines(), {"process": died}, [], seconds)
