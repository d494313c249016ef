"""Keras' own large networks, quantised, against the truth.

    make sweep SWEEP=keras_models SEED=1 COUNT=2

COUNT is how many random inputs each network gets. Prints what differs; the exit status is 1 if
anything does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import keras
import numpy as np

import tfedge

sys.path.append(str(Path(__file__).resolve().parents[1] / "convert"))
from real_keras_models import LARGE_MODELS, with_statistics


def mismatches(name: str, seed: int, count: int) -> int:
    """Elements of the C's outputs that differ from the truth."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = with_statistics(LARGE_MODELS[name](), rng)
    images = rng.uniform(-1, 1, (4, *model.input_shape[1:])).astype(np.float32)
    artifact = tfedge.convert(model, calibration=images)
    result = tfedge.verify(artifact.flatbuffer, samples=count, seed=seed, engines=("c",))
    return sum(comparison.mismatches for comparison in result.ours)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2)
    arguments = parser.parse_args()
    differing = 0
    for name in LARGE_MODELS:
        found = mismatches(name, arguments.seed, arguments.count)
        print(f"{name}: {arguments.count} inputs, {found:,} mismatches", flush=True)
        differing += found
    return int(differing > 0)


if __name__ == "__main__":
    raise SystemExit(main())
