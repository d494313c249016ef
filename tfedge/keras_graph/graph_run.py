"""Keras' own run of a model that is a graph of layers, with what each of them returned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from tfedge.keras_graph import private, tracing
from tfedge.keras_graph.computation import Call, does_nothing, within_wrapper


def results_of(model: Any, calls: Sequence[Call], inputs: list[Any]) -> list[list[Any]] | None:
    """Compute the results of a model's layers in inference, as Keras runs them.

    Args:
        model: a built Keras model.
        calls: what was written down of it.
        inputs: tensors, flat.

    Returns:
        The results of each call, flat; None where the calls are not, one by one, what Keras runs:
        where a layer or a model of a user's own was taken apart, or computes with masks.
    """
    run = _run_layers(model, inputs)
    if run is None:
        return None
    made, _ = run
    same = len(made) == len(calls) and all(
        operation is call.operation for (operation, _), call in zip(made, calls, strict=True)
    )
    return [results for _, results in made] if same else None


def outputs_of(model: Any, inputs: list[Any]) -> list[Any] | None:
    """Compute a model's outputs in inference, of inputs of whatever sizes its layers take.

    Args:
        model: a built Keras model.
        inputs: tensors, flat.

    Returns:
        The outputs, flat; None where the model is more than its graph.
    """
    run = _run_layers(model, inputs)
    return None if run is None else run[1]


def _run_layers(
    model: Any, inputs: list[Any]
) -> tuple[list[tuple[Any, list[Any]]], list[Any]] | None:
    """Every layer with its results, in order, and the outputs; None without a graph."""
    graph = tracing.own_graph(model)
    if graph is None:
        return None
    made: list[tuple[Any, list[Any]]] = []

    def stand_in(operation: Any) -> Callable[..., Any]:
        operation = within_wrapper(operation)
        inner = tracing.own_graph(operation) if isinstance(operation, keras.Model) else None

        def call(*args: Any, **kwargs: Any) -> Any:
            if does_nothing(operation, args):
                return args[0]
            if inner is not None:
                given = private.flat_inputs(inner, args[0] if args else kwargs["inputs"])
                return private.run_graph(inner, given, stand_in)
            if private.takes(operation, "training"):
                kwargs["training"] = False
            result = private.call_directly(operation, args, kwargs)
            made.append((operation, keras.tree.flatten(result)))
            return result

        return call

    outputs = private.run_graph(graph, inputs, stand_in)
    return made, keras.tree.flatten(outputs)
