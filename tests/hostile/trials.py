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
from hostile.workers import Report, run_jobs

from tfedge_converters.c import CSource

_MEMORY_BYTES = 3 << 28
_SECONDS_A_FILE = 5.0
_SECONDS_ELSEWHERE = 60.0
_NOT_OURS = ("start", "damage", "run", "reference", "verify")
_BATCH = 40


@dataclass(frozen=True)
class Plan:
    """What to try.

    Attributes:
        seed: of everything.
        count: how many files.
        workers: how many processes.
        run_share: the share of generated programs that are compiled and run.
        public_share: the share of files that go through `tfedge.convert` and `tfedge.verify` too.
    """

    seed: int
    count: int
    workers: int
    run_share: float
    public_share: float


@dataclass
class Outcome:
    """What one trial has reached, been refused, and found among the programs that it ran."""

    stages: list[str]
    findings: list[Finding]


def damaged_file(seed: int, index: int) -> tuple[bytes, str, np.random.Generator]:
    """A file, what was done to which, and the generator that goes on from there."""
    rng = np.random.default_rng([seed, index])
    name, data = random_base(rng)
    data, done = mutant(data, rng)
    return data, f"{name}: {', '.join(done)}", rng


def run_trials(plan: Plan) -> Iterator[Report]:
    """The reports of all trials, whose results are Outcomes; a finding is reported as a failure."""
    reports = run_jobs(
        _Trial(plan),
        plan.count,
        workers=plan.workers,
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


def _stages(journey: Journey) -> list[str]:
    reached = [f"{what}: done" for what in journey.reached]
    return reached + [f"{what}: refused" for what in journey.refused]


class _Trial:
    def __init__(self, plan: Plan):
        self._plan = plan
        self._programs: list[tuple[CSource, bytes]] = []
        self._scratch = tempfile.TemporaryDirectory(prefix="tfedge-hostile-")
        self._folder = Path(self._scratch.name)
        self._kernels = compile_kernels(self._folder / "kernels") if plan.run_share else []

    def __call__(self, index: int, stage: Callable[[str], None]) -> Outcome:
        stage("damage")
        data, _, rng = damaged_file(self._plan.seed, index)
        journey = travel(data, rng, f"m{index}", stage)
        outcome = Outcome(_stages(journey), [])
        if rng.random() < self._plan.public_share:
            outcome.stages += _stages(travel_publicly(data, rng, stage))
        if rng.random() < self._plan.run_share:
            self._programs += [p for p in journey.programs if worth_running(p[0])]
        last = index + self._plan.workers >= self._plan.count
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
