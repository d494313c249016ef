"""Compares generated C with the reference interpreters on random instances of operators."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from random_graphs import ORACLE_LITERT, REWRITES, oracle_file, random_batch, random_sample

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import write_model
from tfedge_converters.verify.engines import run_litert_reference, run_micro

# Between two resets of operators that keep their state.
SEQUENCE = 7


def mismatches(
    names: Sequence[str],
    optimize: str,
    folder: Path,
    *,
    seed: int,
    instances: int,
    samples: int,
    target: str = "host",
) -> list[str]:
    """What differs, in words, over `instances` x `samples` cases of each operator.

    Code that layers share runs under the sanitizers. Where a pass rewrites operators for TFLite
    Micro, C and TFLite Micro compute the rewritten ones, and LiteRT says of the original ones what
    is right.

    Args:
        names: keys of OPERATORS that can be in one model, as `random_graphs.batches` has them.
        optimize: "speed" or "shared".
        folder: for the generated C.
        target: whose kernels run, on this machine.
    """
    model = random_batch(names, seed, instances)
    original = write_model(model)
    rewrites = [REWRITES[name] for name in names if name in REWRITES]
    for rewrite in rewrites:
        rewrite(model)
    source = generate(model, Options("model", targets.load(target), optimize))
    # The sanitizers see every access; what they look at takes twice as long to compile at -O1.
    sanitize = optimize == "shared"
    program = build_host(
        source.write(folder), sanitize=sanitize, flags=["-O0" if sanitize else "-O1"]
    )
    rng = np.random.default_rng([seed, 2])
    data = [random_sample(model, rng) for _ in range(samples)]
    oracle = run_litert_reference if names[0] in ORACLE_LITERT else run_micro
    right = oracle(oracle_file(original), data, SEQUENCE)
    results = [*zip(program.run(data, SEQUENCE), right, strict=True)]
    if rewrites:
        results += zip(run_micro(write_model(model), data, SEQUENCE), right, strict=True)
    made_by = {id(t): operator for operator in model.main.operators for t in operator.outputs}
    return [
        _describe(made_by[id(tensor)], a, b)
        for got, expected in results
        for tensor, a, b in zip(model.main.outputs, expected, got, strict=True)
        if a.shape != b.shape or a.tobytes() != b.tobytes()
    ]


def _describe(operator, expected, actual) -> str:
    shapes = [None if tensor is None else tensor.shape for tensor in operator.inputs]
    what = f"{operator.code} of {shapes}"
    if expected.shape != actual.shape:
        return f"{what}: shape {expected.shape} is right, got {actual.shape}"
    wrong = np.argwhere(expected != actual)
    place = tuple(wrong[0]) if wrong.size else ()
    return (
        f"{what}: {len(wrong)} of {expected.size} differ, first at {place}: "
        f"{expected[place]} is right, got {actual[place]}"
    )
