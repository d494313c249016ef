"""Compares generated C with the reference interpreters on random instances of operators."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from random_graphs import ORACLE_LITERT, REWRITES, oracle_file, random_batch, random_sample

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import build_firmware
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
    core: str | None = None,
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
        core: a key of `CORES`: runs its own kernels in QEMU instead.

    Raises:
        MissingToolError: of what a core takes.
    """
    model = random_batch(names, seed, instances)
    data, right = _samples_and_outputs(tuple(names), seed, instances, samples)
    rewrites = [REWRITES[name] for name in names if name in REWRITES]
    for rewrite in rewrites:
        rewrite(model)
    source = generate(model, Options("model", targets.load(core or target), optimize))
    program = source.write(folder)
    if core is not None:
        outputs = build_firmware(program, core).run(data, sequence=SEQUENCE).outputs
    else:
        # The sanitizers see every access; what they look at takes twice as long to compile at -O1.
        sanitize = optimize == "shared"
        flags = ["-O0" if sanitize else "-O1"]
        outputs = build_host(program, sanitize=sanitize, flags=flags).run(data, SEQUENCE)
    results = [*zip(outputs, right, strict=True)]
    if rewrites:
        results += zip(run_micro(write_model(model), data, SEQUENCE), right, strict=True)
    made_by = {id(t): operator for operator in model.main.operators for t in operator.outputs}
    return [
        _describe(made_by[id(tensor)], a, b)
        for got, expected in results
        for tensor, a, b in zip(model.main.outputs, expected, got, strict=True)
        if a.shape != b.shape or a.tobytes() != b.tobytes()
    ]


@lru_cache(1)
def _samples_and_outputs(
    names: tuple[str, ...], seed: int, instances: int, samples: int
) -> tuple[list[list[np.ndarray]], list[list[np.ndarray]]]:
    """Random samples of the operators, and what is right, which is asked for once for all cores."""
    model = random_batch(names, seed, instances)
    rng = np.random.default_rng([seed, 2])
    data = [random_sample(model, rng) for _ in range(samples)]
    oracle = run_litert_reference if names[0] in ORACLE_LITERT else run_micro
    return data, oracle(oracle_file(write_model(model)), data, SEQUENCE)


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
