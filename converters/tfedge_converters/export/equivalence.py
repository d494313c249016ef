"""Comparison of an exported float file with the model: both have to compute the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np

from tfedge.equivalence import (
    FLOAT32_NOISE,
    at_the_start,
    differ,
    difference,
    mixing_sentence,
    noise_of,
)
from tfedge.errors import DifferenceError, TfedgeError, UnsupportedError
from tfedge.one_sample import SECOND, among_others, of_the_sample
from tfedge_converters.export.entry import Entry
from tfedge_converters.export.saved_function import SavedFunction
from tfedge_converters.export.trace import call_failure
from tfedge_converters.graph import Model
from tfedge_converters.interpreters import LITERT_PLAIN, run_model
from tfedge_converters.verify.samples import defined_sample

# Of the sample, and of another.
_SEEDS = (3141, 2718)


def require_equivalence(entry: Entry, exported: Model) -> None:
    """Run a model and its float graph on the same random inputs.

    Args:
        entry: a call of the model, which computes in float. Where it takes any number of samples,
            the graph's sample has others beside it.
        exported: the graph, before it is quantised.

    Raises:
        DifferenceError: an output differs by more than float arithmetic explains.
        UnsupportedError: what the model returns for a sample depends on the others of its batch.
        TfedgeError: the model cannot be called, though it could be traced.
    """
    sample, other = (_by_name(entry, exported, seed) for seed in _SEEDS)
    given, others = _called_tensors(entry, sample), _called_tensors(entry, other)
    beside = _beside_others(entry, given, others) if entry.open_batch else None
    expected = _outputs_of(entry, given) if beside is None else beside
    found = _outputs_of_graph(exported, sample)
    noise = _noise_of(entry.model)
    wrong = _first_difference(found, expected, noise)
    if wrong is None:
        return
    if beside is not None:
        wrong = _first_difference(found, _outputs_of(entry, given), noise)
        if wrong is None:
            raise UnsupportedError(mixing_sentence(entry.model, "its outputs"))
    raise DifferenceError(
        f"the exported model would not compute what model '{entry.model.name}' computes, at "
        f"{wrong}. This is a fault of tfedge, please report the model; check=False goes on all the "
        "same"
    )


def _by_name(entry: Entry, exported: Model, seed: int) -> dict[str, np.ndarray]:
    """A random sample of the graph, by the names of its inputs."""
    values = defined_sample(exported.main, seed)
    by_tensor = {id(t): x for t, x in zip(exported.main.inputs, values, strict=True)}
    signature = exported.signatures[0]
    return {name: by_tensor[id(signature.inputs[name])] for name in entry.inputs}


def _outputs_of_graph(exported: Model, sample: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    signature = exported.signatures[0]
    given = {id(tensor): sample[name] for name, tensor in signature.inputs.items()}
    inputs = [given[id(tensor)] for tensor in exported.main.inputs]
    (results,) = run_model(LITERT_PLAIN, exported, None, [inputs], what="the exported model")
    made = {id(t): x for t, x in zip(exported.main.outputs, results, strict=True)}
    return {name: made[id(tensor)] for name, tensor in signature.outputs.items()}


def _called_tensors(entry: Entry, sample: Mapping[str, np.ndarray]) -> list[Any]:
    """A sample as the model takes it, which may be in another type than the graph does."""
    return [keras.ops.cast(sample[name], spec.dtype) for name, spec in entry.inputs.items()]


def _beside_others(entry: Entry, sample: list[Any], other: list[Any]) -> dict[str, Any] | None:
    """A model's outputs for a sample among others; None where it is made for one alone."""
    # Four, so that it is neither the first, nor the last, nor in the middle.
    pairs = zip(sample, other, strict=True)
    batch = among_others([keras.ops.concatenate([x, y, y, y]) for x, y in pairs])
    try:
        outputs = _outputs_of(entry, batch)
    except TfedgeError:  # one of its shapes says so, whatever its inputs say
        return None
    return {name: of_the_sample(x, SECOND, batch=4) for name, x in outputs.items()}


def _outputs_of(entry: Entry, tensors: list[Any]) -> dict[str, Any]:
    """A model's outputs in inference, by name; its states stay.

    Raises:
        TfedgeError: its kernels refuse values that its trace has not seen.
    """
    try:
        with _kept(entry.model):
            return entry.call(tensors)
    except Exception as error:  # whatever the code of the user's layers raises
        raise call_failure(entry.model, "random numbers", error) from error


def _kept(model: Any) -> AbstractContextManager[None]:
    """Put the states of layers back, where there are layers; a file begins a sequence."""
    return nullcontext() if isinstance(model, SavedFunction) else at_the_start(model)


def _noise_of(model: Any) -> float:
    """Return the noise that rounding explains; functions in narrower types are not exported."""
    return FLOAT32_NOISE if isinstance(model, SavedFunction) else noise_of(model)


def _first_difference(
    found: Mapping[str, np.ndarray], expected: Mapping[str, Any], noise: float
) -> str | None:
    """The first output that differs, and how, in words."""
    for name, other in expected.items():
        one = found[name]
        if one.size != math.prod(other.shape):
            return f"output '{name}': its shape is {one.shape}, not {tuple(other.shape)}"
        one = one.reshape(tuple(other.shape))
        if differ(one, other, noise):
            return f"output '{name}': {difference(one, other)}"
    return None
