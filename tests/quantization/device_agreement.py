"""Compares what a quantised Keras model predicts with what the integer model computes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

import tfedge
from tfedge_converters.graph import TensorType
from tfedge_converters.verify.engines import engine

_LIMITS = {TensorType.INT8: (-128, 127), TensorType.INT16: (-32768, 32767)}


@dataclass
class Agreement:
    """What came of a comparison.

    Attributes:
        codes: the operators of the integer model, in order.
        steps: of each output, how many integers apart the two are: a count for every distance.
        artifact: the converted model.
    """

    codes: list[str]
    steps: list[Counter[int]]
    artifact: Any

    @property
    def farthest(self) -> int:
        return max(map(max, self.steps))


def disturb(model: Any, seed: int = 3) -> None:
    """Gives batch-norms what they have in the field: dead, negative and tiny factors."""
    rng = np.random.default_rng(seed)
    for layer in model._flatten_layers():
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        channels = layer.moving_mean.shape[0]
        layer.moving_mean.assign(rng.normal(size=channels))
        layer.moving_variance.assign(rng.uniform(0.05, 3, channels))
        gamma = rng.normal(size=channels)
        gamma[0], gamma[-1] = 0.0, 1e-12
        if layer.scale:
            layer.gamma.assign(gamma)
        if layer.center:
            layer.beta.assign(rng.normal(size=channels))


def train(
    quantized: Any, steps: int = 2, batch: int = 8, *, numbers: Sequence[int] | None = None
) -> None:
    """A few steps towards noise: what matters is that every range has seen data.

    Without a graph of the step, which takes several times as long to make as the steps take.
    Graphs are made of what predicts. Inputs of one number have the same numbers in them; they are
    counted from 0 unless `numbers` says otherwise.
    """
    numbers = numbers or range(len(quantized.inputs))
    inputs = [
        _random(tensor, batch * steps, np.random.default_rng([1, number]))
        for number, tensor in zip(numbers, quantized.inputs, strict=True)
    ]
    rng = np.random.default_rng(1)
    targets = [
        rng.normal(size=(batch * steps, *tensor.shape[1:])).astype(np.float32)
        for tensor in quantized.outputs
    ]
    losses = "mse" if len(targets) == 1 else ["mse"] * len(targets)
    quantized.compile("sgd", losses, run_eagerly=True)
    one = len(inputs) == 1
    quantized.fit(inputs[0] if one else inputs, targets[0] if len(targets) == 1 else targets,
                  batch_size=batch, verbose=0)  # fmt: skip
    quantized.run_eagerly = False


def agreement(
    quantized: Any, count: int = 16, *, numbers: Sequence[int] | None = None, **options: Any
) -> Agreement:
    """Runs both on samples from all over the input grids, numbered as in `train`."""
    artifact = tfedge.convert(quantized, **options)
    graph = artifact.model.main
    drawn = [
        _integers(tensor, count, np.random.default_rng([2, number]))
        for number, tensor in zip(numbers or range(len(graph.inputs)), graph.inputs, strict=True)
    ]
    samples = list(map(list, zip(*drawn, strict=True)))
    truth = engine("stepwise")(artifact.flatbuffer, samples)
    real = [
        np.concatenate([_real(sample[index], tensor) for sample in samples])
        for index, tensor in enumerate(graph.inputs)
    ]
    predicted = keras.tree.flatten(
        quantized.predict(real[0] if len(real) == 1 else real, verbose=0)
    )
    steps: list[Counter[int]] = []
    for index, tensor in enumerate(graph.outputs):
        wanted = np.concatenate([row[index] for row in truth]).astype(np.int64)
        scale, zero = float(tensor.quantization.scale[0]), int(tensor.quantization.zero_point[0])
        got = np.round(predicted[index].astype(np.float64) / scale) + zero
        steps.append(Counter(np.abs(got - wanted).astype(int).ravel().tolist()))
    return Agreement([operator.code for operator in graph.operators], steps, artifact)


def codes_behind(graph: Any, outputs: list[int]) -> tuple[str, ...]:
    """The operators that some of a graph's outputs come from, in order."""
    wanted = {id(graph.outputs[index]) for index in outputs}
    codes = []
    for operator in reversed(graph.operators):
        if any(id(tensor) in wanted for tensor in operator.outputs):
            wanted.update(id(tensor) for tensor in operator.inputs)
            codes.append(operator.code)
    return tuple(reversed(codes))


def _random(tensor: Any, count: int, rng: np.random.Generator) -> np.ndarray:
    shape = (count, *tensor.shape[1:])
    if "int" in tensor.dtype:
        return rng.integers(0, 5, shape).astype(tensor.dtype)
    return rng.normal(size=shape).astype(np.float32)


def _integers(tensor: Any, count: int, rng: np.random.Generator) -> np.ndarray:
    low, high = _LIMITS.get(tensor.type, (0, 4))
    return rng.integers(low, high + 1, (count, *tensor.shape)).astype(tensor.type.dtype)


def _real(integers: np.ndarray, tensor: Any) -> np.ndarray:
    grid = tensor.quantization
    if grid is None:
        return integers
    zero = int(grid.zero_point[0])
    return (integers.astype(np.float32) - np.float32(zero)) * np.float32(grid.scale[0])
