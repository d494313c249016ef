"""Damages one file after another and takes it along; compiles and runs a share of what is made."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hostile.bases import random_base
from hostile.batch import Finding, compile_kernels, try_programs, worth_running
from hostile.mutations import mutant
from hostile.roads import Journey, travel, travel_publicly
from hostile.usage import Limited
from hostile.workers import Report, run_jobs

from tfedge_converters.c import CSource

_MEMORY_BYTES = 3 << 28
_SECONDS_A_FILE = 5.0
_SECONDS_ELSEWHERE = 60.0
_NOT_OURS = ("start", "damage", "run", "reference")
_PUBLIC_SECONDS = 10.0
_PUBLIC_BYTES = 3 << 29
_BATCH = 40


@dataclass
class Outcome:
    """What one trial has reached, been refused, and found among the programs that it ran."""

    stages: list[str]
    findings: list[Finding]


@dataclass(frozen=True)
class TfliteTrials:
    """Damaged models, each known by its number.

    Attributes:
        seed: of everything.
        run_share: the share of generated programs that are compiled and run.
        public_share: the share of files that take the public roads too.
    """

    seed: int
    run_share: float
    public_share: float

    def damaged(self, index: int) -> tuple[bytes, str, np.random.Generator]:
        """A file, what was done to which, and the generator that goes on from there."""
        rng = np.random.default_rng([self.seed, index])
        name, data = random_base(rng)
        data, done = mutant(data, rng)
        return data, f"{name}: {', '.join(done)}", rng

    def run(self, count: int, workers: int) -> Iterator[Report]:
        """The reports of the trials 0 to count - 1, whose results are Outcomes.

        A finding is reported as a failure.
        """
        reports = run_jobs(
            _Trial(self, count, workers),
            count,
            workers=workers,
            timeout=lambda stage: (
                _SECONDS_ELSEWHERE if stage.split()[0] in _NOT_OURS else _SECONDS_A_FILE
            ),
            memory_bytes=_MEMORY_BYTES,
        )
        for report in reports:
            yield report
            for finding in report.result.findings if report.result else ():
                number = int(finding.name.removeprefix("m"))
                yield Report(number, None, f"{finding.text}\n{finding.kind}", "run", 0.0)

    def save(self, index: int, folder: Path) -> None:
        """Puts a damaged file, and what was done to it, into a folder."""
        data, what, _ = self.damaged(index)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "damaged.tflite").write_bytes(data)
        (folder / "damage.txt").write_text(f"{what}\n")

    def replay(self, index: int, stage: Callable[[str], None]) -> list[Journey]:
        """Takes one along its roads in this process."""
        data, _, rng = self.damaged(index)
        journeys = [travel(data, rng, "replay", stage)]
        rng.random()  # which decides whether the file goes on
        return [*journeys, travel_publicly(data, rng, stage)]


def stages_of(journey: Journey) -> list[str]:
    reached = [f"{what}: done" for what in journey.reached]
    return reached + [f"{what}: refused" for what in journey.refused]


class _Trial:
    def __init__(self, plan: TfliteTrials, count: int, workers: int):
        self._plan, self._count, self._workers = plan, count, workers
        self._programs: list[tuple[CSource, bytes]] = []
        self._scratch = tempfile.TemporaryDirectory(prefix="tfedge-hostile-")
        self._folder = Path(self._scratch.name)
        self._kernels = compile_kernels(self._folder / "kernels") if plan.run_share else []

    def __call__(self, index: int, stage: Callable[[str], None]) -> Outcome:
        stage("damage")
        data, _, rng = self._plan.damaged(index)
        journey = travel(data, rng, f"m{index}", stage)
        outcome = Outcome(stages_of(journey), [])
        if rng.random() < self._plan.public_share:
            limited = Limited(
                lambda _, stage: travel_publicly(data, rng, stage), _PUBLIC_SECONDS, _PUBLIC_BYTES
            )
            outcome.stages += stages_of(limited(index, stage))
        if rng.random() < self._plan.run_share:
            self._programs += [p for p in journey.programs if worth_running(p[0])]
        last = index + self._workers >= self._count
        if len(self._programs) >= (1 if last else _BATCH):
            self._run(outcome, index, stage)
        return outcome

    def _run(self, outcome: Outcome, index: int, stage: Callable[[str], None]) -> None:
        stage("run")
        programs, self._programs = self._programs, []
        folder = self._folder / str(index)
        rng = np.random.default_rng([self._plan.seed, index, 1])
        outcome.findings += try_programs(programs, self._kernels, folder, rng, stage)
        outcome.stages += ["run under sanitizers: done"] * len(programs)
        shutil.rmtree(folder)
