"""Comparison of an exported float file with the Keras model: both have to compute the same."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfedge.equivalence import differ, difference, noise_of, unchanged_states
from tfedge.errors import DifferenceError
from tfedge.keras_graph import private
from tfedge_converters.export.trace import call_failure
from tfedge_converters.graph import Model, Tensor
from tfedge_converters.interpreters import LITERT_PLAIN, run_model
from tfedge_converters.verify.samples import defined_sample


def require_equivalence(model: Any, exported: Model) -> None:
    """Run a Keras model and its float graph on the same random inputs.

    Args:
        model: a Keras 3 model that computes in float, in inference.
        exported: the graph, before it is quantised.

    Raises:
        DifferenceError: an output differs by more than float arithmetic explains.
        TfedgeError: the model cannot be called, though it could be traced.
    """
    signature = exported.signatures[0] if exported.signatures else None
    inputs = _in_order(model, signature)
    if signature is None or inputs is None:
        return
    sample = defined_sample(exported.main)
    by_tensor = {id(t): x for t, x in zip(exported.main.inputs, sample, strict=True)}
    given = [
        keras.ops.cast(by_tensor[id(tensor)], spec.dtype)
        for tensor, spec in zip(inputs, model.inputs, strict=True)
    ]
    with unchanged_states(model):
        nested = keras.tree.pack_sequence_as(private.structures_of(model)[0], given)
        expected = keras.tree.flatten(_called(model, nested))
    (results,) = run_model(LITERT_PLAIN, exported, None, [sample], what="the exported model")
    found = {id(t): x for t, x in zip(exported.main.outputs, results, strict=True)}
    computed = [found[id(tensor)] for tensor in signature.outputs.values()]
    for name, one, other in zip(signature.outputs, computed, expected, strict=True):
        one = np.asarray(one).reshape(np.shape(other))
        if differ(one, other, noise_of(model)):
            raise DifferenceError(
                f"the exported model would not compute what model '{model.name}' computes, at "
                f"output '{name}': {difference(one, other)}. This is a fault of tfedge, please "
                "report the model; check=False goes on all the same"
            )


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
