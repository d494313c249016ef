"""The quantised forward pass of a model that stays what it is.

It shares the model's layers. Its ranges become parts of the layers that they belong to, and how it
was made a part of the model, so that they train, save and come back with the model; the model's
`call` runs it. Ranges that the optimizer trains are among the layer's weights, others are not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import keras

from tfedge import saved_parts
from tfedge.keras_graph import private
from tfedge.quantization import transform
from tfedge.quantization.model import (
    exact_without_xla,
    note_rounding,
    operators_of,
    refuse_quantized,
    set_phase,
)
from tfedge.quantization.operators import QuantizedOperator
from tfedge.quantization.optimizer import include_new_variables
from tfedge.quantization.phase import FLOAT, Phase
from tfedge.quantization.schemes import Scheme

_PARTS = ("quantizer", "weight_quantizer")
_FORWARD, _RANGES, _LEARNED = "tfedge_quantization", "tfedge_ranges", "tfedge_learned"
_DESCRIPTION = "description"
_INFERENCE_FUNCTIONS = ("make_predict_function", "make_test_function")


class QuantizedForward:
    """Quantised forward pass in the place of a model's `call`.

    Attributes:
        model: the quantised model.
        scheme: that it computes with.
    """

    def __init__(self, model: Any, scheme: Scheme):
        self.model = model
        self.scheme = scheme

    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Run the quantised model."""
        return self.model(inputs, training=training)


class _MadeWith(keras.layers.Layer):
    """How a forward pass was made, and what it does at the moment, saved with its model."""

    def __init__(self, forward: QuantizedForward):
        super().__init__(name="quantization", trainable=False)
        self.quantized_forward = forward
        self.built = True

    def save_own_variables(self, store: Any) -> None:
        """Write the scheme, and the phase."""
        phase = operators_of(self.quantized_forward.model)[0].phase
        store[_DESCRIPTION] = saved_parts.encoded(
            {"scheme": self.quantized_forward.scheme.get_config(), "phase": asdict(phase)}
        )

    def load_own_variables(self, store: Any) -> None:
        """Nothing: a forward pass that is there stays as it is."""


def _make_from(model: Any, _: str, store: saved_parts.Store) -> None:
    """Make the forward pass that a model was saved with; its ranges are loaded afterwards."""
    described = saved_parts.decoded(store[_DESCRIPTION])
    scheme, phase = Scheme.from_config(described["scheme"]), Phase(**described["phase"])
    forward = attach(model, scheme, check=False)
    set_phase(forward.model, phase)
    note_rounding(forward.model)
    include_new_variables(model)


saved_parts.register(
    saved_parts.Kind(
        lambda layer: [_FORWARD] if isinstance(layer, keras.Model) else [],
        _make_from,
        "computes in float now, though it has trained for integers",
    )
)


def attach(model: Any, scheme: Scheme, check: bool = True) -> QuantizedForward:
    """Give a model a quantised forward pass, in float for now.

    Args:
        model: a built Keras model.
        scheme: widths and quantizers.
        check: whether the pass without rounding is compared first with the model's own.

    Raises:
        DifferenceError: it is not.
        TfedgeError: the model is not built, or quantised by Keras.
        UnsupportedError: a layer is of an unknown kind.
    """
    refuse_quantized(model)
    change = transform.Transformation(scheme, transform.ERROR)
    inputs, outputs = change.run(model)
    forward = QuantizedForward(keras.Model(inputs, outputs, name=f"{model.name}_quantized"), scheme)
    set_phase(forward.model, FLOAT)
    if check:
        change.require_equivalence("tfedge.callbacks.QuantizationAwareTraining", model)
    _hand_over_ranges(forward.model, model)
    saved_parts.keep(model, _FORWARD, _MadeWith(forward))
    model.call = forward
    for name in _INFERENCE_FUNCTIONS:
        setattr(model, name, partial(_made_without_xla, model, getattr(type(model), name)))
    _read_signature(model, with_training=True)
    return forward


def quantized_forward_of(model: Any) -> QuantizedForward | None:
    """The quantised forward pass that a model has, if any."""
    call = vars(model).get("call")
    return call if isinstance(call, QuantizedForward) else None


def detach(model: Any) -> Any:
    """The model with its own forward pass again; ranges are forgotten."""
    for name in ("call", *_INFERENCE_FUNCTIONS):
        delattr(model, name)
    _read_signature(model)
    saved_parts.forget(model, _FORWARD)
    for layer in private.layers_in(model):
        if hasattr(layer, _RANGES):
            saved_parts.forget(layer, _RANGES)
        if hasattr(layer, _LEARNED):
            with private.unlocked(layer):
                for part in layer.tfedge_learned:
                    private.untrack(layer, part)
                delattr(layer, _LEARNED)
    return model


def _made_without_xla(model: Any, make: Callable[..., Any], force: bool = False) -> Any:
    with exact_without_xla(model, model.call.model):
        return make(model, force)


def _read_signature(model: Any, with_training: bool = False) -> None:
    """Let Keras say whether it trains, also where the model's own `call` never asked."""
    own = inspect.signature(type(model).call.__get__(model))
    parameters = dict(own.parameters)
    if with_training and "training" not in parameters:
        asked = inspect.Parameter("training", inspect.Parameter.KEYWORD_ONLY, default=None)
        rest = [p for p in parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        spread = [p for p in parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD]
        own = own.replace(parameters=[*rest, asked, *spread])
    private.set_call_signature(model, own)


def _hand_over_ranges(forward: Any, model: Any) -> None:
    first = model.layers[0]
    for wrapper in forward.layers:
        operators = getattr(wrapper, "operators", None)
        if operators is None:
            continue
        layer = getattr(wrapper, "layer", None)
        owner = layer if isinstance(layer, keras.layers.Layer) else first
        parts = list(getattr(owner, _RANGES, []))
        made = [part for operator in operators for part in ranges_of(operator)]
        parts += [part for part in dict.fromkeys(made) if part not in parts]
        saved_parts.keep(owner, _RANGES, parts)
        learned = [part for part in parts if part.trainable_variables]
        if learned:
            with private.unlocked(owner):
                owner.tfedge_learned = learned


def ranges_of(operator: QuantizedOperator) -> list[Any]:
    """The quantizers of an operator: of its result, of its weights and of its interiors."""
    found = [getattr(operator, part, None) for part in _PARTS]
    found += getattr(operator, "interiors", {}).values()
    return [quantizer for quantizer in found if quantizer is not None]
