"""Trace of a model, run once on symbolic tensors of batch 1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.markers import emitting
from tfedge_converters.export.entry import Entry
from tfedge_converters.export.markers import emit
from tfedge_converters.export.names import ScopeNames
from tfedge_converters.export.weights import require_finite

# Placeholders with which the function is traced; the converter sorts them by name.
INPUT = "input_{:04}"
OUTPUT = "output_{:04}"

# What Keras makes of an error's text: the layer, and the original text in bold.
_KERAS_ERROR = re.compile(
    r"Exception encountered when calling (\S+?)\.?\n.*?\x1b\[1m(.*?)\x1b\[0m", re.S
)

_WRITES = ("Assign", "ResourceScatter", "ResourceApply")


@dataclass(frozen=True)
class Trace:
    """A model's computation.

    Attributes:
        function: tf.function's concrete function from INPUT to OUTPUT names.
        scopes: restores layers' names in the names of operations.
        inputs, outputs: the model's own names, in order.
    """

    function: Any
    scopes: ScopeNames
    inputs: list[str]
    outputs: list[str]


def trace(entry: Entry) -> Trace:
    """Record what the model computes for one example, markers included.

    Raises:
        TfedgeError: the model itself fails, or does not return tensors.
        UnsupportedError: the model keeps state between calls.
    """
    scopes = ScopeNames()
    outputs: list[str] = []

    def function(*tensors: Any) -> dict[str, Any]:
        with scopes.recorded(tf.compat.v1.get_default_graph()), emitting(emit):
            results = entry.call(tensors)
        outputs[:] = results
        return {
            OUTPUT.format(index): _tensor(name, value)
            for index, (name, value) in enumerate(results.items())
        }

    signature = [
        tf.TensorSpec((1, *spec.shape), spec.dtype, name=INPUT.format(index))
        for index, spec in enumerate(entry.inputs.values())
    ]
    concrete = _concrete(entry, tf.function(function, signature, autograph=False))
    _refuse_writes(concrete, scopes)
    _refuse_resources(concrete)
    for variable in concrete.variables:
        require_finite(variable.name, np.asarray(variable.numpy()))
    return Trace(concrete, scopes, list(entry.inputs), outputs)


def _concrete(entry: Entry, function: Any) -> Any:
    try:
        return function.get_concrete_function()
    except Exception as error:  # whatever the code of the user's layers raises
        if isinstance(error, TfedgeError):
            # As Keras wrote it: what such an error shows has no bold type left to find.
            where, what = _keras_error(Exception.__str__(error))
            raise type(error)(f"{where}{what}") from error
        shapes = ", ".join(f"'{name}' {(1, *spec.shape)}" for name, spec in entry.inputs.items())
        raise call_failure(entry.model, shapes, error) from error


def call_failure(model: Any, inputs: str, error: Exception) -> TfedgeError:
    """Return what to say of a Keras model that cannot be called.

    Args:
        model: raised the error.
        inputs: words for what it was called on.
        error: of whatever kind the user's layers raise.
    """
    where, what = _keras_error(str(error))
    return TfedgeError(
        f"model '{model.name}' fails when it is called on {inputs}: "
        f"{where}{type(error).__name__}: {what}"
    )


def _keras_error(text: str) -> tuple[str, str]:
    """Where and what of an error's text, without what Keras puts around it for a terminal."""
    found = _KERAS_ERROR.search(text)
    return (f"in {found[1]}: ", found[2]) if found else ("", text)


def _tensor(name: str, value: Any) -> Any:
    if not tf.is_tensor(value) or isinstance(value, (tf.RaggedTensor, tf.SparseTensor)):
        raise UnsupportedError(
            f"output '{name}' is a {type(value).__name__}; only dense tensors can be exported"
        )
    return tf.identity(value)


def _refuse_writes(concrete: Any, scopes: ScopeNames) -> None:
    """Variables that Keras 3 does not know of, and all of tf_keras, are written to by operators."""
    graph = concrete.graph.as_graph_def()
    nodes = [
        *graph.node,
        *(node for function in graph.library.function for node in function.node_def),
    ]
    for node in nodes:
        if node.op.startswith(_WRITES):
            raise UnsupportedError(
                f"the model changes a variable during inference ({scopes.restore(node.name)}); "
                "only models without state can be exported: make that state an input and an "
                "output, or build the layer with stateful=False"
            )


def _refuse_resources(concrete: Any) -> None:
    """Lookup tables and the like are resources, as variables are."""
    variables = {id(variable.handle) for variable in concrete.variables}
    for captured in concrete.captured_inputs:
        if captured.dtype == tf.resource and id(captured) not in variables:
            raise UnsupportedError(
                "the model uses a lookup table or another resource of TensorFlow; move what needs "
                "it, such as text preprocessing, out of the model"
            )
