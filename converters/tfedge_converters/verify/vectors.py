"""Inputs and outputs that generated C carries to test itself on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfedge.errors import TfedgeError
from tfedge_converters.c import Vector
from tfedge_converters.graph import Model
from tfedge_converters.graph.metadata import computes_in_bfp8
from tfedge_converters.graph.sequences import keeps_state
from tfedge_converters.interpreters import InterpreterDiedError, Sample
from tfedge_converters.verify.engines import (
    Engine,
    run_block_floating_point,
    run_litert_reference,
    run_micro,
    run_stepwise,
)
from tfedge_converters.verify.samples import random_samples

# What is asked in this order, where it is not a model of its own arithmetic.
_ORACLES: tuple[Engine, ...] = (run_micro, run_stepwise, run_litert_reference)

_SEED = 2718
_MOST_VECTORS = 2

# A second vector is not worth more flash than this.
_SMALL = 8192


@dataclass(frozen=True)
class SelfTest:
    """Vectors that a self-test compares.

    Attributes:
        vectors: inputs with the outputs of the truth, at most two.
        missing: why there are fewer than there should be; empty if there are not.
    """

    vectors: list[Vector]
    missing: str = ""


def self_test_vectors(model: Model, flatbuffer: bytes) -> SelfTest:
    """Random inputs with the outputs of the truth: the first of these that can run the model.

    Where no interpreter can run one of the inputs, the others are left.
    """
    size = sum(tensor.byte_size for tensor in (*model.main.inputs, *model.main.outputs))
    count = _MOST_VECTORS if size < _SMALL else 1
    try:
        samples = random_samples(model.main, count, _SEED)
    except TfedgeError as error:
        why = str(error).partition(";")[0]  # the rest is advice for those who have inputs
        return SelfTest([], f"the self-test has no vectors: {why}")
    found: dict[int, Vector] = {}
    reasons = []
    own = computes_in_bfp8(model.metadata)
    for run in (run_block_floating_point,) if own else _ORACLES:
        wanted = [index for index in range(count) if index not in found]
        try:
            results = _results(run, model, flatbuffer, [samples[index] for index in wanted])
        except TfedgeError as error:
            reasons.append(str(error))
            continue
        reasons += results.reasons
        for position, outputs in results.outputs.items():
            index = wanted[position]
            found[index] = Vector(tuple(samples[index]), tuple(outputs))
        if len(found) == count:
            return SelfTest([found[index] for index in range(count)])
    lacking = f"{count - len(found)} of {count} vectors of the self-test could not be made: "
    return SelfTest(
        [found[index] for index in sorted(found)], lacking + "; ".join(dict.fromkeys(reasons))
    )


@dataclass(frozen=True)
class _Results:
    """The outputs by the sample's position, and why others are missing."""

    outputs: dict[int, list[np.ndarray]]
    reasons: list[str]


def _results(run: Engine, model: Model, flatbuffer: bytes, samples: Sequence[Sample]) -> _Results:
    """The outputs of samples; one by one where an interpreter dies of them together."""
    try:
        return _Results(dict(enumerate(run(flatbuffer, samples, len(samples)))), [])
    except InterpreterDiedError:
        if len(samples) == 1 or keeps_state(model.main):
            raise
    results = _Results({}, [])
    for position, sample in enumerate(samples):
        try:
            [results.outputs[position]] = run(flatbuffer, [sample], 1)
        except InterpreterDiedError as error:
            results.reasons.append(str(error))
    return results
