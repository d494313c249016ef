"""Comparisons and positions of extremes are right at any scale, everywhere.

Right is what the real numbers give that integers stand for.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge
from tfedge_converters.verify.engines import ENGINES

ops = keras.ops

COMPARISONS = {
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
}
WIDTH, SAMPLES = 128, 8


def model():
    x, y = keras.Input((WIDTH,)), keras.Input((WIDTH,))
    outputs = [getattr(ops, name)(x, y) for name in COMPARISONS]
    return keras.Model([x, y], [*outputs, ops.greater(x, 0.0)])


def uniform(reach, seed):
    values = np.random.default_rng(seed).uniform(-reach, reach, (SAMPLES, WIDTH))
    values[0, :2] = -reach, reach
    return values.astype(np.float32)


def integers(values, tensor):
    grid, limits = tensor.quantization, np.iinfo(tensor.type.dtype)
    steps = np.round(values / grid.scale[0]) + grid.zero_point[0]
    return np.clip(steps, limits.min, limits.max).astype(tensor.type.dtype)


def real(steps, tensor):
    grid = tensor.quantization
    return (steps.astype(np.float32) - np.float32(grid.zero_point[0])) * grid.scale[0]


@pytest.mark.parametrize("reach", [(1000, 1000), (1000, 5), (0.01, 0.01)])
@pytest.mark.parametrize("quantization", ["int8", "int16x8"])
@pytest.mark.parametrize(
    ("target", "engines"),
    [("tflite", ["litert", "litert-reference"]), ("tflite-micro", ["tflite-micro", "c"])],
)
def test_comparisons_are_right(reach, quantization, target, engines):
    data = [uniform(end, seed) for seed, end in enumerate(reach)]
    artifact = tfedge.convert(model(), target=target, quantization=quantization, calibration=data)
    tensors = artifact.model.main.inputs
    samples = [integers(values, tensor) for values, tensor in zip(data, tensors, strict=True)]
    seen = [real(steps, tensor) for steps, tensor in zip(samples, tensors, strict=True)]
    right = [*(compare(*seen) for compare in COMPARISONS.values()), seen[0] > 0]
    assert 0.3 < right[0].mean() < 0.7
    rows = [[part[index][None] for part in samples] for index in range(SAMPLES)]
    for engine in engines:
        results = ENGINES[engine](artifact.flatbuffer, rows)
        for index, expected in enumerate(right):
            got = np.concatenate([sample[index] for sample in results])
            assert np.array_equal(got.astype(bool), expected), (engine, index)


def test_positions_of_extremes_are_those_of_the_integers():
    x = keras.Input((6, WIDTH))
    outputs = [ops.argmax(x, -1), ops.argmin(x, 1), ops.argmax(ops.relu(x), 2, keepdims=True)]
    data = np.random.default_rng(0).normal(size=(SAMPLES, 6, WIDTH)).astype(np.float32)
    artifact = tfedge.convert(keras.Model(x, outputs), target="tflite-micro", calibration=data)
    codes = {operator.code for operator in artifact.model.main.operators}
    assert codes <= {"ARG_MAX", "ARG_MIN", "RELU", "RESHAPE"}
    (source,) = artifact.model.main.inputs
    steps = integers(data, source)
    seen = real(steps, source)
    right = [seen.argmax(-1), seen.argmin(1), np.maximum(seen, 0).argmax(2)[..., None]]
    for engine in ("tflite-micro", "c", "litert"):
        results = ENGINES[engine](artifact.flatbuffer, [[row[None]] for row in steps])
        for index, expected in enumerate(right):
            got = np.concatenate([sample[index] for sample in results])
            assert np.array_equal(got, expected), engine
