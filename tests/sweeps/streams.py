"""Random networks of images, streamed at random: every byte equals TFLite Micro's.

    make sweep SWEEP=streams SEED=1 COUNT=20

A trial is a model of several networks side by side, of whose layers some are computed together in
bands of rows, whether that saves memory or not; it is compiled for this computer with the kernels
of each packing, and runs under the sanitizers.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time

import numpy as np
from random_builder import Builder
from random_graphs import random_sample
from random_streams import network, streams_at_random

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import build_host
from tfedge_converters.graph import write_model
from tfedge_converters.targets.form import PACKINGS
from tfedge_converters.verify.engines import run_micro

_NETWORKS, _SAMPLES = 9, 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20)
    arguments = parser.parse_args()
    began = time.monotonic()
    streamed = faulty = 0
    for index in range(arguments.count):
        for packing in PACKINGS:
            layers, differing = trial(arguments.seed, index, packing)
            streamed += layers
            faulty += bool(differing)
            if differing:
                print(f"number {index}, {packing}: {differing} bytes differ", flush=True)
    seconds = time.monotonic() - began
    print(f"{arguments.count} trials, {streamed} layers, {faulty} faulty, in {seconds:.0f} s")
    return 1 if faulty or not streamed else 0


def trial(seed: int, index: int, packing: str) -> tuple[int, int]:
    """How many layers were streamed, and how many bytes differ."""
    builder = Builder(np.random.default_rng([seed, index]))
    for _ in range(_NETWORKS):
        network(builder)
    model, rng = builder.model(), np.random.default_rng([seed, index, 1])
    samples = [random_sample(model, rng) for _ in range(_SAMPLES)]
    target = dataclasses.replace(targets.load("host"), packing=packing)
    made = []
    with streams_at_random(np.random.default_rng([seed, index, 2]), made):
        source = generate(model, Options("model", target, "ram"))
    with tempfile.TemporaryDirectory() as folder:
        host = build_host(source.write(folder), sanitize=True, flags=["-O1"])
        found = host.run(samples)
    right = run_micro(write_model(model), samples)
    differing = sum(
        int((a != b).sum())
        for got, expected in zip(found, right, strict=True)
        for a, b in zip(got, expected, strict=True)
    )
    return sum(len(stream.layers) for stream in made), differing


if __name__ == "__main__":
    raise SystemExit(main())
