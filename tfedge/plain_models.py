"""Keras 3 models made anew from their layers, so that the caller's model stays as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.keras_graph.computation import Computation, Constant, Value, computation_of
from tfedge.keras_graph.kinds import described
from tfedge.keras_graph.requirements import require_tensorflow
from tfedge.quantization.model import operators_of, refuse_quantized

# Of a layer and the name that it gets: the layers that take its place, one behind the other.
Maker = Callable[[Any, str], Sequence[Any]]


def require_plain(model: Any) -> None:
    """Refuse what is not a plain Keras 3 model.

    Raises:
        TfedgeError: it is a tf_keras model, no model at all, not built, or quantised.
    """
    require_tensorflow("tfedge")
    if not isinstance(model, keras.Model):
        raise TfedgeError(_not_keras_3(model))
    if not model.built:
        raise TfedgeError(f"model '{model.name}' is not built; call it on an example first")
    if operators_of(model):
        raise TfedgeError(
            f"model '{model.name}' trains for integers; make it smaller before tfedge.quantize, or "
            "take the float model out of it with tfedge.strip"
        )
    refuse_quantized(model)


def _not_keras_3(model: Any) -> str:
    modules = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    if "tf_keras" in modules:
        return (
            f"model '{model.name}' is a tf_keras model: build it with the layers of Keras 3, and "
            "copy its weights with set_weights(old.get_weights())"
        )
    return f"a Keras 3 model is needed, not {type(model).__name__}"


def unique_names(computation: Computation) -> dict[int, str]:
    """A name for every layer, by identity; layers of nested models may have the same names."""
    names: dict[int, str] = {}
    used: Counter[str] = Counter()
    for call in computation.calls:
        layer = call.operation
        if id(layer) in names:
            continue
        used[layer.name] += 1
        count = used[layer.name] - 1
        names[id(layer)] = f"{layer.name}_{count}" if count else layer.name
    return names


def copy_of(layer: Any, name: str, settings: dict[str, Any] | None = None) -> Any:
    """A layer of the same kind, without its weights.

    Args:
        layer: a layer or an operation of keras.ops.
        name: of the copy.
        settings: those of its configuration that change.

    Raises:
        UnsupportedError: a layer's `get_config` does not say how to make it.
    """
    try:
        config = {**layer.get_config(), **(settings or {})}
        if isinstance(layer, keras.layers.Layer):
            config["name"] = name
        return type(layer).from_config(config)
    except Exception as error:  # whatever the user's code raises
        raise UnsupportedError(
            f"layer '{layer.name}' ({type(layer).__name__}) cannot be made from its own get_config "
            f"({type(error).__name__}: {error}); give it one that Keras can save it with"
        ) from error


def rebuild(
    model: Any, make: Maker, without: Sequence[range] = ()
) -> tuple[Any, dict[int, list[Any]]]:
    """A functional model with other layers in the places of a model's own.

    Args:
        model: any built Keras 3 model; nested models in it are taken apart.
        make: called once for every layer, shared or not.
        without: calls of its computation that are left out, by number. Each span has one value
            going in and one of the same shape coming out, and what came out is what goes in.

    Returns:
        The new model, whose weights are fresh, and what was made of every layer, by identity.
    """
    computation = computation_of(model)
    names = unique_names(computation)
    made = {
        id(call.operation): list(make(call.operation, names[id(call.operation)]))
        for call in computation.calls
    }
    tensors = {id(value): _input(value) for value in computation.inputs}
    inputs = list(tensors.values())
    spans = {number: span for span in without for number in span}
    for number, call in enumerate(computation.calls):
        if number in spans:
            entry = computation.calls[spans[number].start].operands[0]
            tensors.update((id(value), tensors[id(entry)]) for value in call.results)
            continue
        result = _run(made[id(call.operation)], call, tensors)
        for value, tensor in zip(call.results, keras.tree.flatten(result), strict=True):
            tensors[id(value)] = tensor
    outputs = [tensors[id(value)] for value in computation.outputs]
    pack = keras.tree.pack_sequence_as
    fresh = keras.Model(
        pack(computation.input_structure, inputs),
        pack(computation.output_structure, outputs),
        name=model.name,
    )
    return fresh, made


def _input(value: Value) -> Any:
    spec = value.spec
    return keras.Input(batch_shape=spec.shape, dtype=spec.dtype, name=value.name)


def _run(layers: list[Any], call: Any, tensors: dict[int, Any]) -> Any:
    flat = keras.tree.flatten((call.args, call.kwargs))
    if any(isinstance(item, (Constant, keras.Variable)) for item in flat):
        raise UnsupportedError(
            f"{described(call.operation)} computes with weights of a model's own, which a model of "
            "other layers cannot have; put them into a layer"
        )
    args, kwargs = keras.tree.map_structure(
        lambda item: tensors[id(item)] if isinstance(item, Value) else item,
        (list(call.args), call.kwargs),
    )
    result = layers[0](*args, **kwargs)
    for layer in layers[1:]:
        result = layer(result)
    return result
