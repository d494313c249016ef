"""Keras 3 models as functions of float32 tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.keras_graph import private
from tfedge.keras_graph.requirements import refuse_quantized_by_keras
from tfedge_converters.export.entry import Argument, Entry, subclassed_entry, symbolic_entry
from tfedge_converters.export.joint_softmax import joint_softmaxes
from tfedge_converters.export.normalization import marked_normalizations
from tfedge_converters.export.recurrent import without_loops
from tfedge_converters.export.sums import sums_of_batches
from tfedge_converters.export.transposed_convolutions import spread_transposed_kernels
from tfedge_converters.export.weights import require_built, require_finite
from tfedge_converters.input_shapes import InputShapes, InputSpec

_NARROW_FLOATS = ("float16", "bfloat16")


@contextmanager
def keras_entry(model: Any, input_shapes: InputShapes) -> Iterator[Entry]:
    """The model as it computes in float32 with its weights as constants.

    The model itself takes part, so that layers need neither a config nor to be registered;
    it is as it was afterwards, whatever happens.

    Raises:
        TfedgeError: the model is not built, was quantised by Keras, its inputs are unknown or its
            weights broken.
    """
    require_built(model)
    refuse_quantized_by_keras(model)
    frozen = _constants(model)
    with (
        _float32_layers(model),
        private.results_in_float32(),
        without_loops(model),
        marked_normalizations(model),
        joint_softmaxes(model),
        spread_transposed_kernels(),
        sums_of_batches(),
    ):
        entry = _entry(model, input_shapes)
        yield _FrozenEntry(**vars(entry), constants=frozen)


@dataclass(frozen=True)
class _FrozenEntry(Entry):
    """An entry whose variables read as constants and must not be written to."""

    constants: Sequence[tuple[Any, Any]] = ()

    def call(self, tensors: Sequence[Any]) -> dict[str, Any]:
        scope = keras.StatelessScope(initialize_variables=False)
        for variable, constant in self.constants:
            scope.add_update((variable, constant))  # keeps a float16 variable's constant float32
        with scope:
            outputs = super().call(tensors)
        self._refuse_state(scope)
        return outputs

    def _refuse_state(self, scope: Any) -> None:
        known = {id(variable): constant for variable, constant in self.constants}
        if any(known.get(key) is not value for key, value in scope.state_mapping.items()):
            changed = [v.path for v, c in self.constants if scope.get_current_value(v) is not c]
            raise UnsupportedError(
                f"the model changes {_quoted(changed or _stateful_layers(self.model))} during "
                "inference; only models without state or randomness can be exported: make that "
                "state an input and an output, or build the layer with stateful=False"
            )
        new = [variable.path for variable in self.model.variables if id(variable) not in known]
        if new:
            raise TfedgeError(
                f"weights {_quoted(new)} did not exist before the export, so they hold nothing "
                "learned; call the model on an example before it is exported"
            )


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _stateful_layers(model: Any) -> list[str]:
    """Recurrent layers hide their state from the model's variables."""
    layers = [layer.name for layer in private.layers_in(model) if getattr(layer, "stateful", False)]
    return layers or [model.name]


def _constants(model: Any) -> list[tuple[Any, Any]]:
    """Every variable with its value, narrow floats as float32."""
    pairs = []
    for variable in model.variables:
        value = keras.ops.convert_to_numpy(variable)
        if variable.dtype in _NARROW_FLOATS:
            value = np.asarray(value, np.float32)
        require_finite(variable.path, value)
        pairs.append((variable, tf.constant(value)))
    return pairs


@contextmanager
def _float32_layers(model: Any) -> Iterator[None]:
    """Make every layer compute in float32.

    The attributes behind the public properties are set, because setting a layer's policy
    through the property quantises its weights if the policy is a quantised one, and a
    declared input's dtype has no setter: the model would cast its input to it.
    """
    changes = [change for layer in private.layers_in(model) for change in _float32_changes(layer)]
    before = [(target, name, getattr(target, name)) for target, name, _ in changes]
    try:
        for target, name, value in changes:
            setattr(target, name, value)
        yield
    finally:
        for target, name, value in reversed(before):
            setattr(target, name, value)


def _float32_changes(layer: Any) -> list[tuple[Any, str, Any]]:
    """Objects, attributes and what these must be for a layer to compute in float32."""
    declarations = [layer] if isinstance(layer, keras.layers.InputLayer) else _declared(layer)
    changes = [(item, "_dtype", "float32") for item in declarations if item.dtype in _NARROW_FLOATS]
    if layer.compute_dtype in _NARROW_FLOATS:
        changes.append((layer, "_dtype_policy", _float32_policy(layer.dtype_policy)))
    return changes


def _float32_policy(policy: Any) -> Any:
    if policy.quantization_mode is None:
        return keras.DTypePolicy("float32")
    mode, _, _ = policy.name.partition("_from_")
    return keras.dtype_policies.get(f"{mode}_from_float32")


def _declared(model: Any) -> list[Any]:
    """The symbolic inputs of a Functional or Sequential model, flat; else nothing."""
    if not isinstance(model, keras.Model):
        return []
    inputs = getattr(model, "inputs", None)
    symbolic = isinstance(inputs, list) and all(isinstance(t, keras.KerasTensor) for t in inputs)
    return inputs if symbolic and inputs else []


def _entry(model: Any, input_shapes: InputShapes) -> Entry:
    if not _declared(model):
        recorded = _recorded_shapes(model)
        arguments = None if recorded is None else _arguments(recorded)
        return subclassed_entry(model, arguments, input_shapes, open_batch=_of_any_batch(recorded))
    structure = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    tensors = keras.tree.flatten(structure)
    declared = {
        private.input_name(tensor): InputSpec(tuple(tensor.shape[1:]), tensor.dtype)
        for tensor in tensors
    }
    return symbolic_entry(model, declared, structure, input_shapes)


def _recorded_shapes(model: Any) -> list[tuple[str | None, Any]] | None:
    """Return names and shapes of what the model was built for; Keras records no dtypes."""
    config = model.get_build_config() or {}
    if "shapes_dict" in config:
        named = config["shapes_dict"].items()
        return [(name.removesuffix("_shape"), shapes) for name, shapes in named]
    if config.get("input_shape") is not None:
        return [(None, config["input_shape"])]
    return None


def _arguments(recorded: list[tuple[str | None, Any]]) -> list[Argument]:
    def spec(shape: Any) -> InputSpec:
        return InputSpec(tuple(shape[1:]))

    return [
        Argument(name, keras.tree.map_shape_structure(spec, shapes)) for name, shapes in recorded
    ]


def _of_any_batch(recorded: list[tuple[str | None, Any]] | None) -> bool:
    """Whether a model was not called on one sample alone."""
    sizes: list[int | None] = []
    for _, shapes in recorded or ():
        keras.tree.map_shape_structure(lambda shape: sizes.append(shape[0]), shapes)
    return 1 not in sizes
