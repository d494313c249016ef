"""What a change of one layer of a float model does to its output."""

from __future__ import annotations

import numpy as np

from tfedge_converters.graph import Graph, Model, Operator, Tensor
from tfedge_converters.quantize.activations import run_part
from tfedge_converters.quantize.noise import judged, mean_noise
from tfedge_converters.quantize.twin import real_results, stacked_inputs


class Probe:
    """A float model with all its activations on some samples, held in memory.

    Attributes:
        model: the float model.
        values: of its activations and inputs, by id of the tensor: (samples, *tensor.shape).
        judged: the activations at which accuracy is measured.
    """

    def __init__(self, model: Model, samples: list[list[np.ndarray]]):
        """Raises UnsupportedError where LiteRT cannot run the model."""
        self.model = model
        self.inputs = stacked_inputs(model, samples)
        results = [tensor for _, tensor in real_results(model)]
        self.values = {key: value for key, (_, value) in self.inputs.items()}
        computed = run_part(model.main, self.values, results)
        self.values.update((id(t), value) for t, value in zip(results, computed, strict=True))
        self.judged = judged(model.main)

    def output_noise(self, tensor: Tensor, values: np.ndarray) -> float:
        """Relative noise power at the output, if an activation or input had these values."""
        known = self.independent_of(tensor) | {id(tensor): values}
        found = run_part(self.model.main, known, self.judged)
        return mean_noise([self.values[id(tensor)] for tensor in self.judged], found)

    def recomputed(self, operator: Operator) -> np.ndarray:
        """What an operator makes of exact operands, if it stood in place of that of the model."""
        known = {
            id(tensor): self.values[id(tensor)]
            for tensor in operator.inputs
            if tensor is not None and id(tensor) in self.values
        }
        (result,) = run_part(Graph([], [], [operator]), known, operator.outputs[:1])
        return result

    def independent_of(self, tensor: Tensor) -> dict[int, np.ndarray]:
        """Values that cannot depend on a tensor: inputs, and what is made before it."""
        keys = set(self.inputs)
        if id(tensor) not in keys:
            for operator in self.model.main.operators:
                if any(tensor is made for made in operator.outputs):
                    break
                keys.update(map(id, operator.outputs))
        return {key: self.values[key] for key in keys if key in self.values}
