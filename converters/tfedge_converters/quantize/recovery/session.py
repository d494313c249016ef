"""What the steps of a recovery work on: a float model, and the integer model that it becomes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection, Iterable, Iterator

import numpy as np

from tfedge.quantization.policy import OPERATORS
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Model, Tensor, WeightGrid
from tfedge_converters.quantize.activations import Activations, still_needed
from tfedge_converters.quantize.formats import weight_format
from tfedge_converters.quantize.recovery.linear_layers import (
    LinearLayer,
    linear_layers,
    own_constants,
    set_weights,
)
from tfedge_converters.quantize.twin import Twin, dequantized, format_of_type, stacked_inputs


class Session:
    """A calibrated float model that steps change, layer by layer, until its integers are good.

    Attributes:
        model: what is changed: weights, their grids, and biases.
        layers: the layers that may be changed, in order; not those that training put on a grid.
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
        self._reference = copy.deepcopy(model)
        self._before = dict(zip(map(id, self.layers), free_layers(self._reference), strict=True))

    def bits(self, layer: LinearLayer, twin: Twin) -> int:
        """How many bits the layer's weights get in an integer model."""
        operator = layer.operator
        form = format_of_type(twin.operand(operator, layer.rule.input).type)
        weights = weight_format(self._scheme, operator, OPERATORS[operator.code], None, form)
        return weights.limit.bit_length() + 1

    def twin(self) -> Twin:
        """The integer model that the float one becomes as it is now."""
        return Twin(self.model, self._scheme)

    def put_on_grid(self, layer: LinearLayer, values: np.ndarray, grid: WeightGrid) -> None:
        """Sets a layer's weights, of their shape, and the integers that they become."""
        data = values.astype(np.float32)
        set_weights(layer, lambda old: dataclasses.replace(old, data=data, trained_weights=grid))

    def walk(self, title: str, samples: int) -> Iterator[Comparison]:
        """Every layer in order, beside its original; what was changed before is in its input.

        Args:
            title: of the progress bar.
            samples: how many to run, at most.
        """
        count = min(samples, len(self._samples))
        places = np.linspace(0, len(self._samples) - 1, count).round().astype(int)
        chosen = [self._samples[place] for place in places]
        real = Activations(
            self._reference.main,
            {key: value for key, (_, value) in stacked_inputs(self._reference, chosen).items()},
        )
        started = stacked_inputs(self.model, chosen)
        twin = self.twin()
        known = {id(tensor): twin.quantized(tensor, value) for tensor, value in started.values()}
        for layer in _tracked(self.layers, title) if self.progress else self.layers:
            twin = self.twin()
            integers = Activations(
                twin.model.main,
                {id(twin.tensor(t)): known[id(t)] for t in _tensors_in(known, self.model)},
            )
            known[id(layer.source)] = integers.of(twin.tensor(layer.source))
            known = still_needed(self.model.main, layer.operator, known)
            real.known = still_needed(
                self._reference.main, self._before[id(layer)].operator, real.known
            )
            read = twin.operand(layer.operator, layer.rule.input)
            yield Comparison(
                layer=layer,
                before=self._before[id(layer)],
                twin=twin,
                real=real,
                source=dequantized(read, integers.of(read)),
                samples=count,
                bits=self.bits(layer, twin),
            )


def free_layers(model: Model) -> list[LinearLayer]:
    """The layers whose weights training has not put on a grid."""
    return [layer for layer in linear_layers(model.main) if layer.weights.trained_weights is None]


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """A layer of the model beside the float layer that it was.

    Attributes:
        layer: as it is now.
        before: as it was.
        twin: the integer model, of the model as it is now.
        real: values of the float model as it was.
        source: what enters the layer in the integer model, as real numbers: float32 (samples,
            *shape).
        samples: how many there are.
        bits: of the layer's weights.
    """

    layer: LinearLayer
    before: LinearLayer
    twin: Twin
    real: Activations
    source: np.ndarray
    samples: int
    bits: int

    def rows(self, most: int, random: np.random.Generator) -> np.ndarray:
        """Numbers of results to look at: all of them, or a random choice."""
        total = self.layer.rows_of(self.samples)
        return random.permutation(total)[:most]

    def grid(self) -> WeightGrid:
        """What the layer's weights are put on."""
        made = self.twin.operand(self.layer.operator, self.layer.rule.operand).quantization
        assert made is not None
        return WeightGrid(made.scale, self.bits)

    def weights(self) -> np.ndarray:
        """What the layer's integers stand for: float32 (groups, depth, width)."""
        tensor = self.twin.operand(self.layer.operator, self.layer.rule.operand)
        integers = self.layer.matrices(np.asarray(tensor.data).astype(np.float32))
        return integers * self.layer.by_channel(self.grid().scale)


def _tensors_in(known: Collection[int], model: Model) -> list[Tensor]:
    return [tensor for tensor in model.main.tensors() if id(tensor) in known]


def _tracked(layers: list[LinearLayer], title: str) -> Iterable[LinearLayer]:
    from rich.progress import track

    return track(layers, title)
