"""Hostile names for everything that has one: what is made of them compiles, and runs nothing else.

    make sweep SWEEP=hostile_names SEED=1 COUNT=500

A trial names the tensors, signatures and custom operators of a model, its file, its target's file,
the scheme and the folder of the result; every tenth trial those of a Keras model too. Generated C
compiles without a warning and computes what it computes with plain names, CMake builds it, reports
parse, refusals are one sentence, and no code of a name runs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from hostile.named import problems_of_names


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--every", type=int, default=10, help="how seldom CMake and Keras run")
    arguments = parser.parse_args()
    began = time.monotonic()
    faulty = 0
    for index in range(arguments.count):
        problems = trial(arguments.seed, index, thorough=index % arguments.every == 0)
        faulty += bool(problems)
        for problem in problems:
            print(f"number {index}: {problem}", flush=True)
    print(f"{arguments.count} trials, {faulty} faulty, in {time.monotonic() - began:.0f} s")
    return 1 if faulty else 0


def trial(seed: int, index: int, *, thorough: bool) -> list[str]:
    """What goes wrong in one, in a folder of its own."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            rng = np.random.default_rng([seed, index])
            return problems_of_names(rng, Path(folder), thorough)
        finally:
            os.chdir(before)


if __name__ == "__main__":
    raise SystemExit(main())
