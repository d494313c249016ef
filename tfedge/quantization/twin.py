"""The quantised forward pass of a model that stays what it is.

The twin shares the model's layers. Its ranges become parts of the layers that they belong to, so
that they train, save and resume with the model; the model's `call` runs the twin.
"""

from __future__ import annotations

from typing import Any

import keras

from tfedge.quantization import transform
from tfedge.quantization.model import refuse_quantized, set_phase
from tfedge.quantization.operators import QuantizedOperator
from tfedge.quantization.phase import FLOAT
from tfedge.quantization.schemes import Scheme

_PARTS = ("quantizer", "weight_quantizer")


class Twin:
    """Stands in for a model's `call`.

    Attributes:
        model: the quantised model.
    """

    def __init__(self, model: Any):
        self.model = model

    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """What the quantised model returns."""
        return self.model(inputs, training=training)


def attach(model: Any, scheme: Scheme, check: bool = True) -> Twin:
    """Gives a model a quantised forward pass, in float for now.

    Args:
        model: a built Keras model.
        scheme: widths and quantizers.
        check: whether the pass proves first that, without rounding, it is the model's own.

    Raises:
        DifferenceError: it is not.
        TfedgeError: the model is not built, or quantised by Keras.
        UnsupportedError: a layer is of an unknown kind.
    """
    refuse_quantized(model)
    change = transform.Transformation(scheme, transform.ERROR)
    inputs, outputs = change.run(model)
    twin = Twin(keras.Model(inputs, outputs, name=f"{model.name}_quantized"))
    set_phase(twin.model, FLOAT)
    if check:
        change.require_equivalence("tfedge.callbacks.QuantizationAwareTraining", model)
    _hand_over_ranges(twin.model, model)
    model.call = twin
    return twin


def twin_of(model: Any) -> Twin | None:
    """The twin that a model has, if any."""
    call = vars(model).get("call")
    return call if isinstance(call, Twin) else None


def detach(model: Any) -> Any:
    """The model with its own forward pass again; ranges are forgotten."""
    del model.call
    for layer in model._flatten_layers():
        if hasattr(layer, "tfedge_ranges"):
            with _unlocked(layer):
                for part in layer.tfedge_ranges:
                    layer._tracker.untrack(part)
                delattr(layer, "tfedge_ranges")
    return model


def _hand_over_ranges(twin: Any, model: Any) -> None:
    first = model.layers[0]
    for wrapper in twin.layers:
        operators = getattr(wrapper, "operators", None)
        if operators is None:
            continue
        layer = getattr(wrapper, "layer", None)
        owner = layer if isinstance(layer, keras.layers.Layer) else first
        known = list(getattr(owner, "tfedge_ranges", []))
        made = [part for operator in operators for part in ranges_of(operator)]
        with _unlocked(owner):
            owner.tfedge_ranges = known + [part for part in made if part not in known]


def ranges_of(operator: QuantizedOperator) -> list[Any]:
    """The quantizers of an operator: of its result, of its weights and of its interiors."""
    found = [getattr(operator, part, None) for part in _PARTS]
    found += getattr(operator, "interiors", {}).values()
    return [quantizer for quantizer in found if quantizer is not None]


class _unlocked:  # noqa: N801 - reads as the statement that it is
    """Lets a built layer take new parts."""

    def __init__(self, layer: Any):
        self.tracker = layer._tracker

    def __enter__(self) -> None:
        self.tracker.unlock()

    def __exit__(self, *_: Any) -> None:
        self.tracker.lock()
