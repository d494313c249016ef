"""A Keras model as a flat list of calls, whatever it is made of.

The model runs once on symbolic tensors, as Keras runs it on real ones, and every layer that is
called is written down with its arguments: by name, as often as they occur, and with the masks that
Keras passes on beside the tensors. Nested models, and models and layers of a user's own, are taken
apart, so that what remains are layers of Keras and operations of keras.ops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras

from tfedge.keras_graph import private, tracing
from tfedge.keras_graph.float32 import run_in_float32
from tfedge.keras_graph.kinds import kind_of
from tfedge.keras_graph.requirements import require_keras3


@dataclass(eq=False)
class Value:
    """A tensor that a call returns, or that the model gets.

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
class Constant:
    """A call's operand that follows from weights alone: computed anew whenever it is used.

    Attributes:
        operation: that makes it.
        args, kwargs: its arguments: variables, numbers, other constants.
        spec: a KerasTensor of the same shape and dtype.
        index: of the result, where the operation has several.
    """

    operation: Any
    args: list[Any]
    kwargs: dict[str, Any]
    spec: Any
    index: int = 0

    def value(self) -> Any:
        """The tensor, from the weights as they are now."""
        args, kwargs = _substituted(self.args, self.kwargs, lambda item: item)
        return keras.tree.flatten(run_in_float32(self.operation, *args, **kwargs))[self.index]


def value_of(item: Any) -> Any:
    """The value that stands in a call where no tensor goes: of a `Constant`, its value now."""
    return item.value() if isinstance(item, Constant) else item


@dataclass(eq=False)
class Call:
    """One call of a layer or operation.

    Attributes:
        operation: the layer or operation.
        args, kwargs: its arguments as it is called, masks among them, with a `Value` where a
            tensor goes, a `Constant` where something goes that follows from weights, and variables.
        results: what it returns, flat.
        structure: the results nested as the operation returns them, of KerasTensors.
        within: the layers that were taken apart around it, from the outermost.
    """

    operation: Any
    args: list[Any]
    kwargs: dict[str, Any]
    results: list[Value]
    structure: Any = None
    within: tuple[Any, ...] = ()

    @cached_property
    def operands(self) -> list[Value]:
        """The values among the arguments, in order, as often as they occur."""
        flat = keras.tree.flatten((self.args, self.kwargs))
        return [item for item in flat if isinstance(item, Value)]

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """Values that the caller gave, by the names in the operation's signature."""
        return dict(
            private.call_signature(self.operation).bind(*self.args, **self.kwargs).arguments
        )

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of the first argument, whether that is a value or still a symbolic tensor."""
        first = next(iter(self.arguments.values()))
        return tuple(getattr(first, "spec", first).shape)

    @property
    def inputs(self) -> list[Value]:
        """The values that are neither masks nor given beside the first argument as settings."""
        named = {key: item for key, item in self.arguments.items() if not key.endswith("mask")}
        return [item for item in keras.tree.flatten(list(named.values())) if _is_value(item)]

    def run(
        self, tensors: Sequence[Any], training: bool | None = None, in_float32: bool = True
    ) -> Any:
        """The operation on tensors in place of `operands`.

        Args:
            tensors: as many as there are operands.
            training: whether the layer trains; None leaves that to whoever calls.
            in_float32: whether it takes float32 whatever its dtype policy; else Keras casts.
        """
        given = iter(tensors)
        args, kwargs = _substituted(
            self.args, self.kwargs, lambda item: next(given) if _is_value(item) else item
        )
        if training is not None and private.takes(self.operation, "training"):
            kwargs["training"] = training
        private.put_masks_on(self.operation, args, kwargs)
        if not in_float32:
            return self.operation(*args, **kwargs)
        return run_in_float32(self.operation, *args, **kwargs)


def _is_value(item: Any) -> bool:
    return isinstance(item, Value)


def _substituted(
    args: list[Any], kwargs: dict[str, Any], substitute: Callable[[Any], Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Arguments with tensors in the places of values and constants."""
    return keras.tree.map_structure(
        lambda item: item.value() if isinstance(item, Constant) else substitute(item),
        (args, kwargs),
    )


@dataclass
class Computation:
    """The calls of a model, in the order of their computation.

    Attributes:
        inputs: in the model's order.
        calls: in an order in which they can run.
        outputs: flat, in the model's order.
        input_structure, output_structure: KerasTensors nested as the model has them.
        output_names: as Keras names the outputs, for losses and metrics by name.
    """

    inputs: list[Value]
    calls: list[Call] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    input_structure: Any = None
    output_structure: Any = None
    output_names: list[str] = field(default_factory=list)


def computation_of(
    model: Any, inside: Callable[[Call], tracing.InnerGraph | None] | None = None
) -> Computation:
    """Take a model apart.

    Args:
        model: a built Keras 3 model.
        inside: of a call, with symbolic tensors in the places of values, the graph of what is
            called in it, or None if it stays as it is. Models are always taken apart.

    Raises:
        TfedgeError: the model is not a built Keras 3 model.
        UnsupportedError: the `call` of a model or layer that is taken apart does not run on
            symbolic tensors.
    """
    require_keras3(model)
    graph, input_structure = tracing.graph_of(model)
    values = [
        Value(tensor, private.input_name(old))
        for tensor, old in zip(graph.tensors, graph.model.inputs, strict=False)
    ]
    recorder = _Recorder(inside or (lambda call: None), values)
    outputs = recorder.run_graph(graph)
    _, output_structure = private.structures_of(graph.model)
    return Computation(
        values,
        recorder.calls,
        [recorder.value(tensor) for tensor in keras.tree.flatten(outputs)],
        input_structure,
        output_structure,
        list(getattr(model, "output_names", None) or []),
    )


class _Recorder:
    """Record of what is called while a graph runs."""

    def __init__(self, inside: Callable[[Call], tracing.InnerGraph | None], inputs: list[Value]):
        self.calls: list[Call] = []
        self._inside = inside
        self._within: tuple[Any, ...] = ()
        self._known: dict[int, Any] = {id(value.spec): value for value in inputs}
        self._kept: list[Any] = []  # whose identities are keys

    def stand_in(self, operation: Any) -> Callable[..., Any]:
        """Return the function that is called in place of an operation."""
        operation = within_wrapper(operation)

        def call(*args: Any, **kwargs: Any) -> Any:
            for name in private.context_arguments(operation):
                kwargs.pop(name, None)
            return self._run(operation, list(args), kwargs)

        return call

    def value(self, tensor: Any) -> Any:
        """The value or constant that a symbolic tensor is."""
        if id(tensor) not in self._known:
            self._write_down_maker(tensor)
        return self._known[id(tensor)]

    def _run(self, operation: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if does_nothing(operation, args):
            return args[0]
        kwargs = {
            name: item
            for name, item in kwargs.items()
            if not private.reads_from_tensor(operation, name)
        }
        kwargs.update(_implicit_masks(operation, args, kwargs))
        graph: tracing.InnerGraph | None
        if isinstance(operation, keras.Model):
            graph = tracing.graph_inside(operation, args, kwargs)
        else:
            graph = self._inside(Call(operation, args, kwargs, []))
        if graph is not None:
            self._within = (*self._within, operation)
            results = self.run_graph(graph)
            self._within = self._within[:-1]
            if isinstance(operation, keras.layers.Layer):
                private.pass_masks_on(operation, args, kwargs, results)
                private.take_masks_off(operation, args, kwargs)
            return results
        results = operation(*args, **kwargs)
        _complete(operation, args, kwargs, results)
        self._write_down(operation, args, kwargs, results)
        private.take_masks_off(operation, args, kwargs)
        return results

    def run_graph(self, graph: tracing.InnerGraph) -> Any:
        """Run a graph, and write down what it calls."""
        for variable, tensor in graph.variables:
            self._known[id(tensor)] = variable
        self._kept.append(graph)
        given = [*graph.tensors, *(tensor for _, tensor in graph.variables)]
        return private.run_graph(graph.model, given, self.stand_in)

    def _write_down(self, operation: Any, args: Any, kwargs: dict[str, Any], results: Any) -> None:
        pair = (list(args), dict(kwargs))
        given_args, given_kwargs = keras.tree.map_structure(self._argument, pair)
        flat = keras.tree.flatten(results)
        self._kept.append(flat)
        given = keras.tree.flatten((given_args, given_kwargs))
        if not any(_is_value(item) for item in given):
            for index, tensor in enumerate(flat):
                self._known[id(tensor)] = Constant(
                    operation, given_args, given_kwargs, tensor, index
                )
            return
        fresh = [Value(tensor) for tensor in flat]
        self._known.update(zip(map(id, flat), fresh, strict=True))
        self.calls.append(Call(operation, given_args, given_kwargs, fresh, results, self._within))

    def _argument(self, item: Any) -> Any:
        return self.value(item) if _is_symbolic(item) else item

    def _write_down_maker(self, tensor: Any) -> None:
        """An operation that Keras ran by itself: what computes a mask."""
        node = private.maker_of(tensor)
        arguments = node.arguments
        self._write_down(node.operation, arguments.args, arguments.kwargs, node.output_tensors)


def within_wrapper(operation: Any) -> Any:
    """The layer itself, where wrappers only say how it is pruned or clustered."""
    while hasattr(operation, "transparent_to"):
        operation = operation.transparent_to
    return operation


def does_nothing(operation: Any, args: Sequence[Any]) -> bool:
    """Whether an operation makes a tensor of what is one, as a functional `call` does first."""
    return (
        kind_of(operation) == "ConvertToTensor"
        and (isinstance(args[0], keras.KerasTensor) or keras.ops.is_tensor(args[0]))
        and operation.dtype in (None, args[0].dtype)
    )


def _complete(operation: Any, args: list[Any], kwargs: dict[str, Any], results: Any) -> None:
    """Put what Keras' symbolic run leaves out on results: masks that stay, and sizes."""
    if not isinstance(results, keras.KerasTensor):
        return
    tensors = [item for item in keras.tree.flatten((args, kwargs)) if _is_symbolic(item)]
    if kind_of(operation) == "EinsumDense":
        private.fill_sizes(operation, tensors[0], results)
    if kind_of(operation) == "ReversibleEmbedding" and "int" in str(tensors[0].dtype):
        private.put_mask_of_zeros_on(operation, tensors[0], results)
    if len(tensors) == 1 and not isinstance(operation, keras.layers.Layer):
        private.keep_mask_of(tensors[0], operation, args, kwargs, results)


def _implicit_masks(operation: Any, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The masks that Keras gives a layer beside its tensors, by the arguments that take them."""
    if not isinstance(operation, keras.layers.Layer):
        return {}
    signature = private.call_signature(operation)
    given = signature.bind(*args, **kwargs).arguments
    tensors = {name: item for name, item in given.items() if _is_of_tensors(item)}
    names = {name: "mask" if len(tensors) == 1 else f"{name}_mask" for name in tensors}
    found = {
        mask: keras.tree.map_structure(private.mask_of, tensors[name])
        for name, mask in names.items()
        if mask in signature.parameters and given.get(mask) is None
    }
    return {
        name: masks
        for name, masks in found.items()
        if any(mask is not None for mask in keras.tree.flatten(masks))
    }


def _is_of_tensors(item: Any) -> bool:
    return any(map(_is_symbolic, keras.tree.flatten(item)))


def _is_symbolic(item: Any) -> bool:
    return isinstance(item, keras.KerasTensor)
