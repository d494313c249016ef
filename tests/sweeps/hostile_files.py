"""Damages files at random and takes them along every road; only a refusal in words is allowed.

    make sweep SWEEP=hostile_files SEED=1 COUNT=100000
    make sweep SWEEP=hostile_files SEED=1 COUNT=2000 OPTIONS="--format keras --format arrays"

Without --format these are .tflite files; `hostile/formats` has the others, and --format all is
every one of them. Every failure is saved with its seed and number below build/hostile_files/;
--replay takes one number's road again, in this process.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from hostile.format_trials import FormatTrials, sound_files
from hostile.formats import FORMATS
from hostile.roads import Journey
from hostile.trials import TfliteTrials
from hostile.workers import Report

_SAVED_OF_A_KIND = 5
_FOLDER = Path("build/hostile_files")
_TFLITE = "tflite"


class Trials(Protocol):
    """Damaged files, each known by its number, and the roads that they are taken along."""

    def run(self, count: int, workers: int) -> Iterator[Report]:
        """The reports of the trials 0 to count - 1."""

    def save(self, index: int, folder: Path) -> None:
        """Puts a damaged file, and what was done to it, into a folder."""

    def replay(self, index: int, stage: Callable[[str], None]) -> list[Journey]:
        """Takes one along its roads in this process."""


def main() -> int:
    arguments = _arguments()
    return max(_swept(format, arguments) for format in _formats(arguments.format))


def _formats(named: list[str] | None) -> list[str]:
    if not named:
        return [_TFLITE]
    return list(FORMATS) if "all" in named else named


def _swept(format: str, arguments: argparse.Namespace) -> int:
    with _trials(format, arguments) as trials:
        if arguments.replay is not None:
            return _replay(trials, arguments.replay, _FOLDER / format / "replay")
        return _run(trials, format, arguments)


@contextmanager
def _trials(format: str, arguments: argparse.Namespace) -> Iterator[Trials]:
    if format == _TFLITE:
        yield TfliteTrials(arguments.seed, arguments.run_share, arguments.public_share)
        return
    with sound_files(format) as sound:
        yield FormatTrials(format, arguments.seed, sound)


def _run(trials: Trials, format: str, arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    counts: collections.Counter[str] = collections.Counter()
    failures: dict[str, list[int]] = {}
    slowest = (0.0, -1)
    for report in trials.run(arguments.count, arguments.workers):
        slowest = max(slowest, (report.seconds, report.index))
        if not report.failure:
            counts.update(report.result.stages)
        else:
            _note(trials, report, failures, _FOLDER / format / str(arguments.seed))
    seconds = time.monotonic() - began
    for what, number in sorted(counts.items()):
        print(f"{number:>9,}  {what}")
    rate = 60 * arguments.count / seconds
    print(f"{format}: {arguments.count:,} files in {seconds:.0f} s, {rate:,.0f} a minute")
    print(f"slowest: {slowest[0]:.1f} s (number {slowest[1]})")
    for kind, indices in failures.items():
        print(f"{len(indices):>6} x {kind}; numbers {indices[:8]}")
    return 1 if failures else 0


def _replay(trials: Trials, index: int, folder: Path) -> int:
    trials.save(index, folder)
    for journey in trials.replay(index, partial(print, " ", flush=True)):
        print(journey.reached, journey.refused)
    return 0


def _note(trials: Trials, report: Report, failures: dict[str, list[int]], folder: Path) -> None:
    """Saves a failure, unless enough of its kind are saved."""
    kind = f"{report.stage}: {_kind(report.failure)}"
    indices = failures.setdefault(kind, [])
    indices.append(report.index)
    if len(indices) == 1:
        print(f"number {report.index}: {kind}", flush=True)
    if report.stage == "damage" or len(indices) > _SAVED_OF_A_KIND:
        return
    own = folder / str(report.index)
    trials.save(report.index, own)
    (own / "failure.txt").write_text(f"{report.stage}\n{report.failure}\n")


def _kind(failure: str) -> str:
    """The exception and the last of our lines that it went through."""
    ours = re.findall(r'File ".*/(tfedge\w*/.*)", line (\d+)', failure)
    last = failure.strip().splitlines()[-1][:160]
    return f"{last} ({':'.join(ours[-1])})" if ours else last


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100_000, help="files of each format")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--format", action="append", choices=[_TFLITE, *FORMATS, "all"], help="may be repeated"
    )
    parser.add_argument(
        "--run-share",
        type=float,
        default=0.2,
        help="of .tflite: the share of the generated programs that are run",
    )
    parser.add_argument(
        "--public-share",
        type=float,
        default=0.2,
        help="of .tflite: the share that is converted and verified too",
    )
    parser.add_argument("--replay", type=int, metavar="NUMBER")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
