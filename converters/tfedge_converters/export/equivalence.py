"""Comparison of an exported float file with the Keras model: both have to compute the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfedge.equivalence import (
    differ,
    difference,
    mixing_sentence,
    noise_of,
    unchanged_states,
)
from tfedge.errors import DifferenceError, TfedgeError, UnsupportedError
from tfedge.keras_graph import private
from tfedge.one_sample import SECOND, among_others, of_the_sample
from tfedge_converters.export.trace import call_failure
from tfedge_converters.graph import Model, Tensor
from tfedge_converters.interpreters import LITERT_PLAIN, run_model
from tfedge_converters.verify.samples import defined_sample

# Of the sample, and of another.
_SEEDS = (3141, 2718)


def require_equivalence(model: Any, exported: Model) -> None:
    """Run a Keras model and its float graph on the same random inputs.

    Args:
        model: a Keras 3 model that computes in float, in inference. Where its batch is open, the
            graph's sample has another beside it.
        exported: the graph, before it is quantised.

    Raises:
        DifferenceError: an output differs by more than float arithmetic explains.
        UnsupportedError: what the model returns for a sample depends on the others of its batch.
        TfedgeError: the model cannot be called, though it could be traced.
    """
    signature = exported.signatures[0] if exported.signatures else None
    tensors = _in_order(model, signature)
    if signature is None or tensors is None:
        return
    sample, other = (defined_sample(exported.main, seed) for seed in _SEEDS)
    alone, second = (_in_order_of_model(model, tensors, exported, x) for x in (sample, other))
    beside = _beside_others(model, alone, second)
    expected = _outputs_of(model, alone) if beside is None else beside
    (results,) = run_model(LITERT_PLAIN, exported, None, [sample], what="the exported model")
    made = {id(t): x for t, x in zip(exported.main.outputs, results, strict=True)}
    found = {name: made[id(tensor)] for name, tensor in signature.outputs.items()}
    noise = noise_of(model)
    wrong = _first_difference(found, expected, noise)
    if wrong is None:
        return
    if beside is not None:
        wrong = _first_difference(found, _outputs_of(model, alone), noise)
        if wrong is None:
            raise UnsupportedError(mixing_sentence(model, "its outputs"))
    raise DifferenceError(
        f"the exported model would not compute what model '{model.name}' computes, at {wrong}. "
        "This is a fault of tfedge, please report the model; check=False goes on all the same"
    )


def _in_order_of_model(
    model: Any, tensors: Sequence[Tensor], exported: Model, sample: Sequence[np.ndarray]
) -> list[Any]:
    """A sample of the graph as the Keras model takes it."""
    by_tensor = {id(t): x for t, x in zip(exported.main.inputs, sample, strict=True)}
    return [
        keras.ops.cast(by_tensor[id(tensor)], spec.dtype)
        for tensor, spec in zip(tensors, model.inputs, strict=True)
    ]


def _beside_others(model: Any, sample: list[Any], other: list[Any]) -> list[Any] | None:
    """A model's outputs for a sample among others; None where it is made for one alone."""
    if not all(spec.shape and spec.shape[0] is None for spec in model.inputs):
        return None
    # Four, so that it is neither the first, nor the last, nor in the middle.
    pairs = zip(sample, other, strict=True)
    batch = among_others([keras.ops.concatenate([x, y, y, y]) for x, y in pairs])
    try:
        outputs = _outputs_of(model, batch)
    except TfedgeError:  # one of its shapes says so, whatever its inputs say
        return None
    return [of_the_sample(x, SECOND, batch=4) for x in outputs]


def _outputs_of(model: Any, given: list[Any]) -> list[Any]:
    """A model's outputs in inference, flat; its states stay."""
    with unchanged_states(model):
        nested = keras.tree.pack_sequence_as(private.structures_of(model)[0], given)
        return keras.tree.flatten(_called(model, nested))


def _first_difference(
    found: Mapping[str, np.ndarray], expected: Sequence[Any], noise: float
) -> str | None:
    """The first output that differs, and how, in words."""
    for (name, one), other in zip(found.items(), expected, strict=True):
        if one.size != math.prod(other.shape):
            return f"output '{name}': its shape is {one.shape}, not {tuple(other.shape)}"
        one = one.reshape(tuple(other.shape))
        if differ(one, other, noise):
            return f"output '{name}': {difference(one, other)}"
    return None


def _called(model: Any, inputs: Any) -> Any:
    """Return the outputs of a model, whose kernels see values that its trace has not seen."""
    try:
        return model(inputs, training=False)
    except Exception as error:  # whatever the code of the user's layers raises
        raise call_failure(model, "random numbers", error) from error


def _in_order(model: Any, signature: Any) -> list[Tensor] | None:
    """The graph's tensors for a model's inputs; None where nobody knows which is which."""
    if signature is None or not private.has_graph(model):
        return None
    if len(signature.inputs) == len(model.inputs) == 1:
        return list(signature.inputs.values())
    names = [tensor.name for tensor in model.inputs]
    return [signature.inputs[n] for n in names] if set(names) == set(signature.inputs) else None
