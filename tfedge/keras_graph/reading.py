"""Attributes and arguments that a rule reads; the rest has to be as Keras has it by default."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tfedge.keras_graph import private
from tfedge.keras_graph.computation import Call

# What a layer's configuration says that inference does not depend on.
_NEUTRAL = frozenset(
    {"activity_regularizer", "autocast", "batch_input_shape", "batch_shape", "dropout", "dtype",
     "implementation", "input_shape", "momentum", "name", "noise_shape", "quantization_config",
     "rate", "renorm", "seed", "synchronized", "trainable", "unroll", "use_cudnn"}
)  # fmt: skip
_NEUTRAL_ENDINGS = ("_constraint", "_dropout", "_initializer", "_regularizer")


@dataclass(frozen=True)
class Reads:
    """Attributes and arguments that a rule takes account of.

    Attributes:
        attributes: entries of the layer's configuration; None if the layer's own `call` computes
            it, which reads them all.
        arguments: of the call, beside its first; None for all.
    """

    attributes: frozenset[str] | None = None
    arguments: frozenset[str] | None = frozenset()

    @classmethod
    def of(
        cls, attributes: Iterable[str] | None = None, arguments: Iterable[str] | None = ()
    ) -> Reads:
        """Build the record from names."""
        sets = (None if names is None else frozenset(names) for names in (attributes, arguments))
        return cls(*sets)


def unread(call: Call, reads: Reads) -> str:
    """The first argument or attribute that is not Keras' default and that a rule does not read.

    Returns:
        Such as "axis=1"; empty if the rule reads everything that counts.
    """
    for name, value in given_arguments(call).items():
        if reads.arguments is not None and name not in reads.arguments:
            return f"{name}={_shown(value)}"
    return unread_attribute(call.operation, reads)


def unread_attribute(operation: Any, reads: Reads) -> str:
    """The first attribute that is not Keras' default and that a rule does not read, as `unread`."""
    if reads.attributes is None:
        return ""
    for name, value in changed_attributes(operation).items():
        if name not in reads.attributes:
            return f"{name}={_shown(value)}"
    return ""


def given_arguments(call: Call) -> dict[str, Any]:
    """Return the arguments beside the first one that are not the signature's defaults."""
    parameters = private.call_signature(call.operation).parameters
    first = next(iter(call.arguments), None)
    return {
        name: value
        for name, value in call.arguments.items()
        if name != first and not _is_default(value, parameters[name])
    }


def _is_default(value: Any, parameter: inspect.Parameter) -> bool:
    if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
        return not value
    return value is None or value is parameter.default or _same(value, parameter.default)


def changed_attributes(operation: Any) -> dict[str, Any]:
    """The entries of a configuration that inference depends on and that are not Keras' default."""
    try:
        config = operation.get_config()
    except Exception:  # no configuration: a layer of a user's own, whose call is all there is
        return {}
    defaults = _defaults(operation, config)
    changed = {
        name: value
        for name, value in config.items()
        if name not in _NEUTRAL
        and not name.endswith(_NEUTRAL_ENDINGS)
        and not (name in defaults and _same(value, defaults[name]))
    }
    # What Keras is set to is no default of ours.
    changed.pop("data_format", None)
    if config.get("data_format") == "channels_first":
        changed["data_format"] = "channels_first"
    if not getattr(operation, "lora_enabled", False):
        changed = {name: value for name, value in changed.items() if not name.startswith("lora_")}
    return changed


def _defaults(operation: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of such a layer with nothing given that has a default."""
    parameters = inspect.signature(type(operation).__init__).parameters
    plain = {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.default is not parameter.empty
    }
    if not isinstance(operation, keras.layers.Layer):
        return plain
    needed = {
        name: value for name, value in config.items() if name in parameters and name not in plain
    }
    try:
        return {**plain, **type(operation).from_config(needed).get_config()}
    except Exception:  # arguments that belong together; then as the signature has them
        return plain


def _same(value: Any, default: Any) -> bool:
    if isinstance(value, keras.KerasTensor) or isinstance(default, keras.KerasTensor):
        return value is default
    try:
        return bool(np.all(value == default)) if np.size(value) == np.size(default) else False
    except Exception:  # whatever does not compare is not the same
        return False


def _shown(value: Any) -> str:
    """A value in a message."""
    text = repr(value) if isinstance(value, (bool, float, int, str, tuple, list)) else "…"
    return text if len(text) <= 40 else text[:37] + "…"
