"""Damages models at random and takes them along every road; only a refusal in words is allowed.

    make sweep SWEEP=hostile_files SEED=1 COUNT=100000

Every failure is saved with its seed and number below build/hostile_files/; --replay takes one
number's road again, in this process.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import time
from functools import partial
from pathlib import Path

from hostile.roads import travel, travel_publicly
from hostile.trials import Plan, damaged_file, run_trials
from hostile.workers import Report

_SAVED_OF_A_KIND = 5
_FOLDER = Path("build/hostile_files")


def main() -> int:
    arguments = _arguments()
    if arguments.replay is not None:
        return replay(arguments.seed, arguments.replay)
    began = time.monotonic()
    counts: collections.Counter[str] = collections.Counter()
    failures: dict[str, list[int]] = {}
    slowest = (0.0, -1)
    for report in run_trials(Plan(*(getattr(arguments, name) for name in Plan.__annotations__))):
        slowest = max(slowest, (report.seconds, report.index))
        if not report.failure:
            counts.update(report.result.stages)
        else:
            _note(arguments.seed, report, failures)
    seconds = time.monotonic() - began
    for what, number in sorted(counts.items()):
        print(f"{number:>9,}  {what}")
    rate = 60 * arguments.count / seconds
    print(f"{arguments.count:,} files in {seconds:.0f} s, {rate:,.0f} a minute")
    print(f"slowest: {slowest[0]:.1f} s (number {slowest[1]})")
    for kind, indices in failures.items():
        print(f"{len(indices):>6} x {kind}; numbers {indices[:8]}")
    return 1 if failures else 0


def replay(seed: int, index: int) -> int:
    data, what, rng = damaged_file(seed, index)
    print(what)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    (_FOLDER / "replay.tflite").write_bytes(data)
    print_stage = partial(print, " ", flush=True)
    journeys = [travel(data, rng, "replay", print_stage)]
    rng.random()  # which decides whether the file goes on
    journeys.append(travel_publicly(data, rng, print_stage))
    for journey in journeys:
        print(journey.reached, journey.refused)
    return 0


def _note(seed: int, report: Report, failures: dict[str, list[int]]) -> None:
    """Saves a failure, unless enough of its kind are saved."""
    kind = f"{report.stage}: {_kind(report.failure)}"
    indices = failures.setdefault(kind, [])
    indices.append(report.index)
    if len(indices) == 1:
        print(f"number {report.index}: {kind}", flush=True)
    if report.stage == "damage" or len(indices) > _SAVED_OF_A_KIND:
        return
    data, what, _ = damaged_file(seed, report.index)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    stem = _FOLDER / f"{seed}-{report.index}"
    stem.with_suffix(".tflite").write_bytes(data)
    stem.with_suffix(".txt").write_text(f"{what}\n{report.stage}\n{report.failure}\n")


def _kind(failure: str) -> str:
    """The exception and the last of our lines that it went through."""
    ours = re.findall(r'File ".*/(tfedge\w*/.*)", line (\d+)', failure)
    last = failure.strip().splitlines()[-1][:160]
    return f"{last} ({':'.join(ours[-1])})" if ours else last


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--run-share", type=float, default=0.2, help="share of the generated programs that are run"
    )
    parser.add_argument(
        "--public-share", type=float, default=0.2, help="share that is converted and verified"
    )
    parser.add_argument("--replay", type=int, metavar="NUMBER")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
