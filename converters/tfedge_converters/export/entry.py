"""How one model is called, whichever Keras it comes from."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from tfedge.errors import TfedgeError
from tfedge_converters.export.names import leaf_names, unique_names
from tfedge_converters.input_shapes import (
    InputShapes,
    InputSpec,
    require_static,
    reshaped,
    specs_of,
)


@dataclass(frozen=True)
class Argument:
    """One argument of a call.

    Attributes:
        keyword: its name, or None if it is given by position.
        structure: nested as the model takes it, with anything as leaves.
    """

    keyword: str | None
    structure: Any


@dataclass(frozen=True)
class Entry:
    """A model as a function from a list of tensors to tensors by name.

    Attributes:
        model: the Keras or tf_keras model.
        inputs: names and specs of the leaves of `arguments`, in order.
        arguments: in the order of the call.
        outputs: names of the flat outputs, or None to name them by their keys.
        open_batch: whether every input takes any number of samples, as far as the model says.
    """

    model: Any
    inputs: dict[str, InputSpec]
    arguments: Sequence[Argument]
    outputs: list[str] | None = None
    open_batch: bool = True

    def __post_init__(self) -> None:
        require_static(self.inputs)

    @property
    def itself(self) -> Entry:
        """The same call of nothing but the model."""
        return Entry(self.model, self.inputs, self.arguments, self.outputs, self.open_batch)

    def call(self, tensors: Sequence[Any]) -> dict[str, Any]:
        """Run the model for inference; give its outputs by name, in their order."""
        rest = list(tensors)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for argument in self.arguments:
            count = len(keras.tree.flatten(argument.structure))
            value = keras.tree.pack_sequence_as(argument.structure, rest[:count])
            rest = rest[count:]
            if argument.keyword is None:
                args.append(value)
            else:
                kwargs[argument.keyword] = value
        leaves = keras.tree.flatten_with_path(self.model(*args, training=False, **kwargs))
        names = self.outputs or leaf_names([path for path, _ in leaves], "output")
        return dict(zip(unique_names(names), [leaf for _, leaf in leaves], strict=True))


def symbolic_entry(
    model: Any, declared: dict[str, InputSpec], structure: Any, input_shapes: InputShapes
) -> Entry:
    """The entry of a model that declares its inputs and outputs (Functional, Sequential).

    Args:
        model: the model.
        declared: names and specs of its inputs.
        structure: its first argument, nested as the model declares it.
        input_shapes: shapes to use in place of the declared ones.
    """
    inputs = reshaped(declared, input_shapes)
    arguments = [Argument(None, structure)]
    open_batch = has_open_batch(keras.tree.flatten(structure))
    return Entry(model, inputs, arguments, _declared_outputs(model), open_batch)


def has_open_batch(declared: Iterable[Any]) -> bool:
    """Whether the first size of every tensor, or of its spec, is open."""
    shapes = [tuple(each.shape) for each in declared]
    return all(shape and shape[0] is None for shape in shapes)


def _declared_outputs(model: Any) -> list[str] | None:
    """Layer names for the outputs, unless the model names them by keys itself."""
    names = getattr(model, "output_names", None)
    if names is None:  # Sequential
        return [model.layers[-1].name]
    return None if isinstance(model.output, Mapping) else list(names)


def subclassed_entry(
    model: Any,
    recorded: Sequence[Argument] | None,
    input_shapes: InputShapes,
    *,
    open_batch: bool,
) -> Entry:
    """The entry of a model that only its code describes.

    Args:
        model: a model with a `call` method.
        recorded: the arguments of an earlier call with an InputSpec for each leaf, or None
            if there was none.
        input_shapes: shapes to use instead; a dict whose keys are arguments of `call` gives
            one for each, everything else is the first argument.
        open_batch: whether the recorded call was for any number of samples.

    Raises:
        TfedgeError: there is neither a recorded call nor a shape.
    """
    parameters = list(inspect.signature(model.call).parameters)
    arguments = recorded if input_shapes is None else _as_arguments(input_shapes, parameters)
    if arguments is None:
        raise TfedgeError(
            f"the inputs of model '{model.name}' are unknown; give input_shapes, the shape of "
            "each input without the batch"
        )
    names: list[str] = []
    specs: list[InputSpec] = []
    for index, argument in enumerate(arguments):
        leaves = keras.tree.flatten_with_path(argument.structure)
        name = argument.keyword or (parameters[index] if index < len(parameters) else "input")
        names += leaf_names([path for path, _ in leaves], name)
        specs += [spec for _, spec in leaves]
    inputs = dict(zip(unique_names(names), specs, strict=True))
    return Entry(model, inputs, arguments, open_batch=open_batch)


def _as_arguments(input_shapes: InputShapes, parameters: list[str]) -> list[Argument]:
    specs = specs_of(input_shapes)
    if isinstance(specs, dict) and set(specs) <= set(parameters):
        return [Argument(name, spec) for name, spec in specs.items()]
    return [Argument(None, specs)]
