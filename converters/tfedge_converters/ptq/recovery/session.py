"""State of a recovery: a float model, and the integer model that it becomes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from tfedge.progress import tracked
from tfedge.quantization.policy import OPERATORS
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Model, Operator, WeightGrid
from tfedge_converters.ptq.quantized_copy import QuantizedCopy
from tfedge_converters.ptq.recovery.linear_layers import (
    LinearLayer,
    linear_layers,
    own_constants,
    set_weights,
)
from tfedge_converters.ptq.tensor_types import activation_type_of
from tfedge_converters.ptq.weight_formats import weight_format

Item = TypeVar("Item")


class Session:
    """A calibrated float model that steps change, layer by layer, until its integers are good.

    Attributes:
        model: what is changed: weights, their grids, and biases.
        layers: the layers that may be changed, in order; not those whose integers training chose.
        reference: the float model as it was in the beginning.
        progress: whether steps show a progress bar.
    """

    def __init__(
        self, model: Model, samples: list[list[np.ndarray]], scheme: Scheme, progress: bool
    ):
        self.model = model
        self.progress = progress
        self._samples = samples
        self._scheme = scheme
        self.layers = free_layers(model)
        own_constants(self.layers)
        self.reference = copy.deepcopy(model)
        pairs = zip(model.main.operators, self.reference.main.operators, strict=True)
        self._originals = {id(operator): original for operator, original in pairs}

    def bits(self, layer: LinearLayer, quantized_copy: QuantizedCopy) -> int:
        """How many bits the layer's weights get in an integer model."""
        operator = layer.operator
        activation_type = activation_type_of(
            quantized_copy.operand(operator, layer.rule.input).type
        )
        weights = weight_format(
            self._scheme,
            operator,
            OPERATORS[operator.code],
            layer.weights.trained_weights,
            activation_type,
        )
        return weights.limit.bit_length() + 1

    def quantized_copy(self) -> QuantizedCopy:
        """The integer model that the float one becomes as it is now."""
        return QuantizedCopy(self.model, self._scheme)

    def put_on_grid(self, layer: LinearLayer, values: np.ndarray, grid: WeightGrid) -> None:
        """Set a layer's weights, of their shape, and the integers that they become."""
        data = values.astype(np.float32)
        set_weights(layer, lambda old: dataclasses.replace(old, data=data, trained_weights=grid))

    def original(self, operator: Operator) -> Operator:
        """An operator of the model as it was in the beginning."""
        return self._originals[id(operator)]

    def before(self, layer: LinearLayer) -> LinearLayer:
        """A layer as it was in the beginning."""
        return dataclasses.replace(layer, operator=self.original(layer.operator))

    def samples(self, most: int) -> list[list[np.ndarray]]:
        """At most so many of the calibration data, evenly spaced."""
        count = min(most, len(self._samples))
        places = np.linspace(0, len(self._samples) - 1, count).round().astype(int)
        return [self._samples[place] for place in places]

    def tracked(self, items: Sequence[Item], title: str) -> Iterable[Item]:
        """The items, with a progress bar if one is wanted."""
        return tracked(items, title, self.progress)


def free_layers(model: Model) -> list[LinearLayer]:
    """The layers of whose weights training has not decided which integers they are."""
    return [
        layer
        for layer in linear_layers(model.main)
        if layer.weights.trained_weights is None or layer.weights.trained_weights.number is not None
    ]
