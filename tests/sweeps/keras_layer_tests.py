"""Every layer as Keras' own tests configure it, and operations, trained for integers and converted.

    make sweep SWEEP=keras_layer_tests

COUNT is how many configurations SEED chooses; with more than there are, it is all of them. Prints
what is wrong, what is refused with which words, what came with a warning, and the counts; the exit
status is 1 if anything is wrong. --report writes all outcomes as JSON, which
tools/keras_layer_table.py reads; --only tries the configurations of some tests alone.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from keras_layers.roads import ROADS
from keras_layers.suite import Trial, try_all
from outcomes import REFUSED, RIGHT, WARNED, counted


def main() -> int:
    arguments = _arguments()
    trials = []
    for trial in try_all(arguments.workers, arguments.count, arguments.seed, arguments.only):
        trials.append(trial)
        if trial.outcome.is_fault:
            print(_line(trial), flush=True)
    for road in ROADS:
        print(summary(road, trials))
    print(f"{sum(trial.seconds for trial in trials) / 60:.1f} minutes of processor time")
    if arguments.report:
        rows = [asdict(trial) | {"place": str(trial.place)} for trial in trials]
        arguments.report.write_text(json.dumps(rows, indent=1, default=float), "utf-8")
    return int(any(trial.outcome.is_fault for trial in trials))


def summary(road: str, trials: list[Trial]) -> str:
    """Counts of one road, and its refusals by their words."""
    mine = [trial for trial in trials if trial.road == road]
    counts = Counter(trial.outcome.result for trial in mine)
    refusals = [(t.layer, t.outcome.message) for t in mine if t.outcome.result == REFUSED]
    lines = [f"== {road}: {', '.join(f'{counts[what]} {what}' for what in sorted(counts))}"]
    lines += counted(refusals)
    least = [t for t in mine if t.outcome.result == RIGHT and t.outcome.signal_to_noise < 30]
    lines.append(f"right with less than 30 dB: {len(least)}")
    lines += [f"      {_line(trial)}" for trial in least]
    warned = [t for t in mine if t.outcome.result == WARNED]
    lines.append(f"noisy, with a warning: {len(warned)}")
    return "\n".join(lines + [f"      {_line(trial)}" for trial in warned])


def _line(trial: Trial) -> str:
    outcome = trial.outcome
    ratio = "" if outcome.signal_to_noise is None else f"{outcome.signal_to_noise:.1f} dB"
    said = f"{outcome.message}{ratio} [{trial.place}]"
    return f"{trial.road}: {outcome.result}: {trial.shown[:200]}: {said}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", default="", help="part of a test's name, as it is printed")
    parser.add_argument("--report", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
