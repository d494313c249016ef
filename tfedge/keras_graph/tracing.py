"""Functional graphs of models and layers: Keras' own, or what a user's `call` does symbolically."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from tfedge.errors import UnsupportedError
from tfedge.keras_graph import private
from tfedge.keras_graph.kinds import described

_LONGEST_ERROR = 200

# Arrays, and the symbolic tensors that stand for them.
Constants = list[tuple[Any, Any]]


@dataclass
class InnerGraph:
    """Graph of a nested model's, or of a user's own layer's, computation in one call.

    Attributes:
        model: a functional model.
        tensors: what the call gives it, flat, in the order of the model's first inputs.
        variables: the weights that the code uses by itself, and constants that it calls layers on,
            with the inputs that stand for them, which are the model's last.
    """

    model: Any
    tensors: list[Any]
    variables: list[tuple[Any, Any]] = field(default_factory=list)


def graph_of(model: Any) -> tuple[InnerGraph, Any]:
    """The functional graph of a built model, called on fresh inputs.

    Returns:
        The graph, and its inputs nested as the model takes them.

    Raises:
        UnsupportedError: the model is subclassed, and its `call` does not run on symbolic tensors.
    """
    own = own_graph(model)
    if own is not None or private.has_graph(model):  # perhaps with a call of its own
        graph = model if own is None else own
        inputs = [_like(tensor, private.input_name(tensor)) for tensor in graph.inputs]
        given = keras.tree.pack_sequence_as(private.structures_of(graph)[0], inputs)
    else:
        shapes = _recorded_shapes(model)
        inputs = [_symbolic(shape) for shape in shapes]
        given = inputs if len(inputs) > 1 else inputs[0]
    if own is not None:
        return InnerGraph(own, inputs), given
    args = inputs if not private.has_graph(model) else [given]
    return graph_inside(model, args, {}), given


def graph_inside(operation: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> InnerGraph:
    """The functional graph of a nested model or of a layer, as it is called with these arguments.

    Raises:
        UnsupportedError: its `call` does not run on symbolic tensors.
    """
    own = own_graph(operation) if isinstance(operation, keras.Model) else None
    if own is not None:
        return InnerGraph(own, private.flat_inputs(own, args[0] if args else kwargs["inputs"]))
    tensors, placeholders, args, kwargs = _with_placeholders(args, kwargs)
    variables = _variables_with_inputs(operation)
    outputs, constants = _traced(operation, args, kwargs, _symbols(variables))
    variables += constants
    if not any(_is_tensor(item) for item in keras.tree.flatten(outputs)):
        raise UnsupportedError(f"{described(operation)} returns nothing that depends on its input")
    stand_ins = [tensor for _, tensor in variables]
    return InnerGraph(keras.Model([*placeholders, *stand_ins], outputs), tensors, variables)


def graph_of_function(
    operation: Any, function: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> InnerGraph:
    """The graph of a function of keras.ops that stands for a layer or operation.

    Raises:
        UnsupportedError: the function refuses the arguments, by a ValueError.
    """
    tensors, placeholders, args, kwargs = _with_placeholders(args, kwargs)
    variables = _variables_with_inputs(operation)
    try:
        with private.symbolic_weights(operation, _symbols(variables)):
            outputs = function(*args, **kwargs)
    except ValueError as error:
        raise UnsupportedError(f"{described(operation)}: {error}") from error
    stand_ins = [tensor for _, tensor in variables]
    return InnerGraph(keras.Model([*placeholders, *stand_ins], outputs), tensors, variables)


def _with_placeholders(args: Any, kwargs: Any) -> tuple[list[Any], list[Any], Any, Any]:
    """The tensors among arguments, fresh ones like them, and the arguments with these."""
    tensors = [item for item in keras.tree.flatten((args, kwargs)) if _is_tensor(item)]
    placeholders = [_like(tensor) for tensor in tensors]
    fresh = iter(placeholders)
    args, kwargs = keras.tree.map_structure(
        lambda item: next(fresh) if _is_tensor(item) else item, (list(args), dict(kwargs))
    )
    return tensors, placeholders, args, kwargs


def own_graph(model: Any) -> Any:
    """The functional model that a model is; None where it has a `call` of its own."""
    if isinstance(model, keras.Sequential):
        return private.sequential_graph(model)
    return model if private.is_functional(model) else None


def _variables_with_inputs(operation: Any) -> list[tuple[Any, Any]]:
    """The weights of a layer itself, without those of the layers in it, and inputs like them."""
    if not isinstance(operation, keras.layers.Layer):
        return []
    inner = {id(v) for layer in private.layers_in(operation)[1:] for v in layer.variables}
    return [
        (variable, keras.Input(batch_shape=variable.shape, dtype=variable.dtype))
        for variable in operation.variables
        if id(variable) not in inner
    ]


def _symbols(variables: list[tuple[Any, Any]]) -> dict[int, Any]:
    return {id(variable): tensor for variable, tensor in variables}


def _traced(
    operation: Any, args: Any, kwargs: dict[str, Any], symbols: dict[int, Any]
) -> tuple[Any, Constants]:
    """Trace a user's `call` with symbolic tensors in inference."""
    outputs, constants, access = _run_code(operation, args, kwargs, symbols)
    if access.assigns:
        raise UnsupportedError(f"{described(operation)} changes weights in its call")
    if access.read:
        names = ", ".join(sorted({variable.path for variable in access.read})[:3])
        raise UnsupportedError(
            f"{described(operation)} computes with weights of layers in it ({names}); call the "
            "layers, or make the weights its own"
        )
    if private.takes(operation, "training"):
        _require_same_in_training(operation, args, kwargs, symbols, outputs)
    return outputs, constants


def _run_code(
    operation: Any, args: Any, kwargs: dict[str, Any], symbols: dict[int, Any]
) -> tuple[Any, Constants, Any]:
    constants: Constants = []

    def stand_in(value: Any) -> Any:
        array = keras.ops.convert_to_numpy(value)
        tensor = keras.Input(batch_shape=array.shape, dtype=str(array.dtype))
        constants.append((array, tensor))
        return tensor

    try:
        with (
            private.symbolic_weights(operation, symbols) as access,
            private.symbolic_constants(operation, stand_in),
        ):
            return _call_of(operation)(*args, **kwargs), constants, access
    except Exception as error:  # whatever the user's code raises
        raise UnsupportedError(
            f"{described(operation)} has a call that does not run on symbolic tensors "
            f"({type(error).__name__}: {_in_one_line(error)}); use keras.ops in it, on "
            "tensors and on weights alike, and no Python conditions on tensors"
        ) from error


def _call_of(operation: Any) -> Callable[..., Any]:
    """Return the function that a layer computes; of a model, without what stands in for it."""
    if isinstance(operation, keras.Model):
        return functools.partial(type(operation).call, operation)
    return operation.call


def _in_one_line(error: Exception) -> str:
    """The first sentence of an error of Keras or of a user's code."""
    text = " ".join(str(error).split())
    return text if len(text) < _LONGEST_ERROR else text[:_LONGEST_ERROR] + "…"


def _require_same_in_training(
    operation: Any, args: Any, kwargs: dict[str, Any], symbols: dict[int, Any], outputs: Any
) -> None:
    """Refuse code that does something in training alone, which would be lost."""
    try:
        trained, _, access = _run_code(operation, args, {**kwargs, "training": True}, symbols)
        is_same = not access.assigns and _kinds_behind(trained) == _kinds_behind(outputs)
    except UnsupportedError:  # of code that inference does not reach
        is_same = False
    if not is_same:
        raise UnsupportedError(
            f"{described(operation)} does something in training that it does not do in inference; "
            "put that into a layer of its own, such as Dropout"
        )


def _kinds_behind(outputs: Any) -> list[str]:
    """The classes of all that was called on the way to symbolic tensors, sorted."""
    seen: dict[int, str] = {}
    waiting = [item for item in keras.tree.flatten(outputs) if _is_tensor(item)]
    while waiting:
        node = private.maker_of(waiting.pop())
        if id(node) not in seen:
            seen[id(node)] = type(node.operation).__name__
            waiting += node.input_tensors
    return sorted(seen.values())


def _recorded_shapes(model: Any) -> list[Any]:
    config = model.get_build_config() or {}
    if config.get("input_shape") is not None:
        return [config["input_shape"]]
    if "shapes_dict" in config:
        return list(config["shapes_dict"].values())
    raise UnsupportedError(
        f"model '{model.name}' is subclassed, and Keras knows no shapes of its inputs: either it "
        "was never called, then call it on an example first; or its call asks for the values of "
        "tensors (`if tensor:`) and so cannot run on symbolic ones, then use keras.ops.cond or "
        "keras.ops.where in it, or build it with the functional API"
    )


def _symbolic(shape: Any) -> Any:
    return keras.tree.map_shape_structure(lambda sizes: keras.Input(tuple(sizes)[1:]), shape)


def _is_tensor(item: Any) -> bool:
    return isinstance(item, keras.KerasTensor)


def _like(tensor: Any, name: str | None = None) -> Any:
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
