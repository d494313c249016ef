"""Random operators on an AVR in simavr: the same numbers where `int` has 16 bits.

    make sweep SWEEP=avr_operators SEED=1 COUNT=500

A case is one random instance of an operator with the inputs of its self-test, whose outputs are the
reference interpreter's. Every other one is for Cortex-M0, whose packed kernels any compiler takes.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections import Counter
from pathlib import Path

from avr_programs import status_of_self_test
from random_graphs import OPERATORS, random_model

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.graph import write_model

_TARGETS = ("host", "cortex-m0")
_OPTIMIZATIONS = ("size", "speed")
# As tfedge_platform.h has them.
_WORDS = {0: "right", -4: "wrong", -5: "without a reference", None: "too large"}


def outcome(name: str, seed: int, target: str, optimize: str, folder: Path) -> str:
    """What became of one instance."""
    path = folder / "case.tflite"
    path.write_bytes(write_model(random_model(name, seed, 1)))
    try:
        artifact = tfedge.convert(path, target=target, optimize=optimize)
    except TfedgeError:
        return "refused"
    assert artifact.source is not None
    status = status_of_self_test(artifact.source, folder / "c")
    return _WORDS.get(status, f"status {status}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--operator", action="append", help="only this one; repeat it for several")
    arguments = parser.parse_args()
    names = itertools.cycle(arguments.operator or OPERATORS)
    counts: Counter[str] = Counter()
    for number, name in enumerate(itertools.islice(names, arguments.count)):
        seed = 1_000_000 * arguments.seed + number
        how = (_TARGETS[number % 2], _OPTIMIZATIONS[number // 2 % 2])
        with tempfile.TemporaryDirectory() as folder:
            found = outcome(name, seed, *how, Path(folder))
        counts[found] += 1
        if found not in ("refused", *list(_WORDS.values())) or found == "wrong":
            print(f"{name}, seed {seed}, {', '.join(how)}: {found}", flush=True)
    print(", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
    unexpected = set(counts) - {"refused", "right", "without a reference", "too large"}
    return int(bool(unexpected))


if __name__ == "__main__":
    raise SystemExit(main())
