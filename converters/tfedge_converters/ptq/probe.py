"""Effect of changing one layer of a float model on its output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfedge_converters.graph import Graph, Model, Operator, Tensor
from tfedge_converters.ptq.concatenated import Branch, branches
from tfedge_converters.ptq.noise import measured_outputs, noise
from tfedge_converters.ptq.quantized_copy import real_results, stacked_inputs
from tfedge_converters.ptq.tensor_values import run_part


class Probe:
    """A float model with all its activations on some samples, held in memory.

    Attributes:
        model: the float model.
        values: of its activations and inputs, by id of the tensor: (samples, *tensor.shape).
        measured_outputs: the activations at which accuracy is measured.
        branches: of each of these, the branches that were concatenated to it; see `branches`.
    """

    def __init__(self, model: Model, samples: list[list[np.ndarray]]):
        """Raise UnsupportedError where LiteRT cannot run the model."""
        self.model = model
        self.inputs = stacked_inputs(model, samples)
        results = [tensor for _, tensor in real_results(model)]
        self.values = {key: value for key, (_, value) in self.inputs.items()}
        computed = run_part(model.main, self.values, results)
        self.values.update((id(t), value) for t, value in zip(results, computed, strict=True))
        self.measured_outputs = measured_outputs(model.main)
        self.branches = branches(model.main, self.measured_outputs)

    def noise(self, found: Sequence[np.ndarray]) -> float:
        """Relative noise power at the output, from other values of the measured outputs.

        It is the mean over them, and for one that was concatenated the mean over its branches:
        the larger one must not hide the noise of the smaller.
        """
        real = (self.values[id(tensor)] for tensor in self.measured_outputs)
        pairs = zip(real, found, self.branches, strict=True)
        return float(np.mean([_mean_over_branches(*pair) for pair in pairs]))

    def output_noise(self, tensor: Tensor, values: np.ndarray) -> float:
        """Relative noise power at the output, if an activation or input had these values."""
        known = self.independent_of(tensor) | {id(tensor): values}
        found = run_part(self.model.main, known, self.measured_outputs)
        return self.noise(found)

    def recomputed(self, operator: Operator) -> np.ndarray:
        """Compute an operator on exact operands, as if it stood in place of the model's own."""
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


def _mean_over_branches(real: np.ndarray, found: np.ndarray, parts: Sequence[Branch]) -> float:
    if not parts:
        return noise(real, found)
    real, found = (values.reshape(len(values), -1) for values in (real, found))
    return float(np.mean([noise(real[:, p.elements], found[:, p.elements]) for p in parts]))
