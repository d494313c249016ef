"""Random operators against the reference interpreters, as many as asked for.

    make sweep SWEEP=operators SEED=1 COUNT=200000

On a core in QEMU: OPTIONS="--core cortex-m33". With its kernels on this machine, under the
sanitizers: OPTIONS="--target cortex-m4". Those alone whose names begin so: OPTIONS="--only stored".

A case is one random instance of an operator with one random input. Prints what differs, and the
rate; the exit status is 1 if anything does.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from kernel_comparison import mismatches
from random_graphs import OPERATORS

from tfedge_converters.execute import CORES

INSTANCES = 24
SAMPLES = 20
CASES = INSTANCES * SAMPLES

Batch = tuple[str, str, int]


def batches(seed: int, count: int, beginning: str = "") -> Iterator[Batch]:
    """Operator, optimisation and seed of as many batches as make `count` cases."""
    names = [name for name in OPERATORS if name.startswith(beginning)]
    if not names:
        raise SystemExit(f"no operator's name begins with '{beginning}': {', '.join(OPERATORS)}")
    rounds = ((name, how) for how in itertools.cycle(("shared", "speed")) for name in names)
    for number, (name, how) in enumerate(itertools.islice(rounds, -(-count // CASES))):
        yield name, how, 1_000_000 * seed + number


def run(batch: Batch, target: str, core: str | None) -> list[str]:
    name, how, seed = batch
    with tempfile.TemporaryDirectory() as folder:
        try:
            cases = {"seed": seed, "instances": INSTANCES, "samples": SAMPLES}
            found = mismatches([name], how, Path(folder), target=target, core=core, **cases)
        except Exception as error:  # a sweep goes on, and reports whatever went wrong
            found = [f"{type(error).__name__}: {error}"]
    return [f"{name}, {how}, seed {seed}: {text}" for text in found]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--core", choices=CORES, help="to run on, in QEMU")
    parser.add_argument("--target", default="host", help="whose kernels run on this machine")
    parser.add_argument("--only", default="", help="operators whose names begin so")
    arguments = parser.parse_args()
    todo = batches(arguments.seed, arguments.count, arguments.only)
    on_core = partial(run, target=arguments.target, core=arguments.core)
    began = time.monotonic()
    done = differing = 0
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for found in pool.map(on_core, todo):
            done += CASES
            differing += len(found)
            for text in found[:3]:
                print(text, flush=True)
    rate = 60 * done / (time.monotonic() - began)
    print(f"{done:,} cases, {differing:,} mismatches, {rate:,.0f} cases a minute")
    return int(differing > 0)


if __name__ == "__main__":
    raise SystemExit(main())
