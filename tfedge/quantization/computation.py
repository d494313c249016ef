"""A Keras model as a flat list of calls, whatever it is made of.

Nested models are taken apart, subclassed ones are run on symbolic tensors, so that what remains
are layers and operations of keras.ops, and the values that they pass on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization.real_layers import run_in_float32


@dataclass(eq=False)
class Value:
    """What a call returns, or the model gets.

    Attributes:
        spec: a KerasTensor of the same shape and dtype.
        name: of the model's input, if it is one.
    """

    spec: Any
    name: str | None = None

    @property
    def is_real(self) -> bool:
        """Whether it holds floating-point numbers."""
        return "float" in self.spec.dtype


@dataclass(eq=False)
class Call:
    """One call of a layer or operation.

    Attributes:
        operation: the layer or operation.
        args, kwargs: its arguments, with a `Value` where a tensor goes.
        operands: the values among the arguments, in order.
        results: what it returns, flat.
        structure: the results nested as the operation returns them, of KerasTensors.
    """

    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    operands: list[Value]
    results: list[Value]
    structure: Any = None

    def run(self, tensors: Sequence[Any]) -> Any:
        """The operation on tensors in place of `operands`."""
        by_value = dict(zip(map(id, self.operands), tensors, strict=True))
        args, kwargs = keras.tree.map_structure(
            lambda item: by_value[id(item)] if isinstance(item, Value) else item,
            (list(self.args), self.kwargs),
        )
        return run_in_float32(self.operation, *args, **kwargs)


@dataclass
class Computation:
    """What a model computes.

    Attributes:
        inputs: in the model's order.
        calls: in an order in which they can run.
        outputs: flat, in the model's order.
        input_structure, output_structure: KerasTensors nested as the model has them.
    """

    inputs: list[Value]
    calls: list[Call] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    input_structure: Any = None
    output_structure: Any = None


def computation_of(model: Any) -> Computation:
    """Takes a model apart.

    Raises:
        TfedgeError: the model is not a built Keras model.
        UnsupportedError: a subclassed model's `call` cannot run on symbolic tensors.
    """
    if not isinstance(model, keras.Model):
        raise TfedgeError(f"a Keras 3 model is needed, not {type(model).__name__}")
    if not model.built:
        raise TfedgeError(f"model '{model.name}' is not built; call it on an example first")
    graph = _functional(model)
    values = {id(tensor): Value(tensor, _input_name(tensor)) for tensor in graph.inputs}
    result = Computation(list(values.values()))
    result.input_structure, result.output_structure = graph._inputs_struct, graph._outputs_struct
    _walk(graph, values, result.calls)
    result.outputs = [values[id(tensor)] for tensor in graph.outputs]
    return result


def _input_name(tensor: Any) -> str:
    return str(tensor._keras_history.operation.name)


def _walk(graph: Any, values: dict[int, Value], calls: list[Call]) -> None:
    """Appends the calls of a functional graph whose inputs have values."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.is_input:
                _append(node, values, calls)


def _append(node: Any, values: dict[int, Value], calls: list[Call]) -> None:
    def value(item: Any) -> Any:
        return values[id(item)] if isinstance(item, keras.KerasTensor) else item

    args, kwargs = keras.tree.map_structure(
        value, (list(node.arguments.args), dict(node.arguments.kwargs))
    )
    operands = [values[id(tensor)] for tensor in node.arguments.keras_tensors]
    operands = list({id(operand): operand for operand in operands}.values())
    operation = _inside(node.operation)
    if _is_model(operation):
        _inline(operation, node, args, values, calls)
        return
    results = [Value(tensor) for tensor in node.output_tensors]
    values.update(zip(map(id, node.output_tensors), results, strict=True))
    calls.append(Call(operation, tuple(args), kwargs, operands, results, node.output_tensors))


def _inside(operation: Any) -> Any:
    """The layer itself, where wrappers only say how it is pruned or clustered."""
    while hasattr(operation, "transparent_to"):
        operation = operation.transparent_to
    return operation


def _is_model(operation: Any) -> bool:
    return isinstance(operation, keras.Model)


def _inline(
    model: Any, node: Any, args: list[Any], values: dict[int, Value], calls: list[Call]
) -> None:
    inner = _functional(model, node.arguments.args)
    given = keras.tree.flatten(args)
    inside = dict(zip(map(id, inner.inputs), given, strict=True))
    _walk(inner, inside, calls)
    for tensor, result in zip(node.output_tensors, inner.outputs, strict=True):
        values[id(tensor)] = inside[id(result)]


def _functional(model: Any, args: Sequence[Any] | None = None) -> Any:
    """The functional graph of any model."""
    if isinstance(model, keras.Sequential):
        return model._functional
    if hasattr(model, "_nodes_by_depth"):
        return model
    return _traced(model, args)


def _traced(model: Any, args: Sequence[Any] | None) -> Any:
    """A subclassed model, run on symbolic tensors."""
    if args is None:
        args = [_symbolic(shape) for shape in _recorded_shapes(model)]
    else:
        args = keras.tree.map_structure(_like, list(args))
    try:
        outputs = model.call(*args)
    except Exception as error:  # whatever the user's code raises
        raise UnsupportedError(
            f"model '{model.name}' is subclassed, and its call does not run on symbolic tensors "
            f"({type(error).__name__}: {error}); use keras.ops in it, or build it with the "
            "functional API"
        ) from error
    return keras.Model(list(args) if len(args) > 1 else args[0], outputs)


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


def _like(tensor: Any) -> Any:
    if not isinstance(tensor, keras.KerasTensor):
        return tensor
    return keras.Input(tuple(tensor.shape)[1:], dtype=tensor.dtype)
