"""Values that vanish, and roots of what vanishes, give files that run, with the signal in them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge
from tfedge_converters.verify.engines import ENGINES

layers, ops = keras.layers, keras.ops

SHAPE = (5, 16)


def norm(x):
    return ops.sqrt(ops.sum(x * x, -1, keepdims=True))


NORMALIZATIONS = {
    "unit": layers.UnitNormalization(),
    "unit_of_columns": layers.UnitNormalization(axis=1),
    "normalize": lambda x: ops.normalize(x, axis=-1),
    "quotient": lambda x: x / ops.maximum(norm(x), 1e-6),
    "quotient_of_sum": lambda x: x / ops.sqrt(ops.sum(x * x, -1, keepdims=True) + 1e-6),
}


def rows(count=24):
    """Rows of different lengths, one of which is 0."""
    rng = np.random.default_rng(0)
    lengths = np.exp(rng.normal(size=(count, SHAPE[0], 1)) / 2)
    values = (rng.normal(size=(count, *SHAPE)) * lengths).astype(np.float32)
    values[3, 2] = 0
    return values


@pytest.mark.parametrize(
    ("quantization", "target", "engines", "least"),
    [
        ("int8", "tflite", ["litert", "c"], 30),
        ("int16x8", "tflite-micro", ["tflite-micro", "c"], 60),
    ],
)
def test_normalisations_keep_the_signal_and_rows_of_zeros(quantization, target, engines, least):
    x = keras.Input(SHAPE)
    model = keras.Model(x, [function(x) for function in NORMALIZATIONS.values()])
    data = rows()
    artifact = tfedge.convert(
        model, target=target, quantization=quantization, calibration=data,
        input_type="float32", output_type="float32",
    )  # fmt: skip
    right = model.predict(data, verbose=0)
    for engine in engines:
        results = ENGINES[engine](artifact.flatbuffer, [[row[None]] for row in data])
        for index, name in enumerate(NORMALIZATIONS):
            got = np.concatenate([sample[index] for sample in results])
            assert decibels(right[index], got) > least, (name, engine)
            if name != "unit_of_columns":
                assert np.array_equal(got[3, 2], np.zeros(SHAPE[1]))


def decibels(right, got):
    right, got = right.astype(float), got.astype(float)
    return 10 * np.log10(np.square(right).sum() / np.square(right - got).sum())


def vanishing(scale, seed=1):
    return layers.Dense(8, kernel_initializer=keras.initializers.RandomNormal(0, scale, seed=seed))


FUNCTIONS = {
    "relu6": layers.ReLU(6.0),
    "sigmoid": layers.Activation("sigmoid"),
    "silu": layers.Activation("silu"),
    "softmax": layers.Softmax(),
    "normalised": layers.BatchNormalization(),
    "layer_normalised": layers.LayerNormalization(),
    "zeros_added": lambda x: x + np.zeros((1, 8), np.float32),
}


def test_what_vanishes_runs_and_is_still_there():
    x = keras.Input((8,))
    keras.utils.set_random_seed(1)
    outputs = [
        layers.Dense(4)(function(vanishing(1e-12, seed)(x)))
        for seed, function in enumerate(FUNCTIONS.values())
    ]
    model = keras.Model(x, outputs)
    data = np.random.default_rng(0).normal(size=(32, 8)).astype(np.float32)
    for target, engine in (("tflite", "litert"), ("host", "c")):
        artifact = tfedge.convert(
            model, target=target, calibration=data, input_type="float32", output_type="float32"
        )
        results = ENGINES[engine](artifact.flatbuffer, [[row[None]] for row in data])
        right = model.predict(data, verbose=0)
        for index, name in enumerate(FUNCTIONS):
            got = np.concatenate([sample[index] for sample in results])
            assert decibels(right[index], got) > 25, (name, engine)


def test_a_convolution_with_a_limit_that_nothing_reaches():
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, kernel_initializer=keras.initializers.RandomNormal(0, 1e-13, seed=1))(x)
    model = keras.Model(x, layers.GlobalAveragePooling2D()(layers.ReLU(6.0)(y)))
    data = np.random.default_rng(0).random((8, 8, 8, 3)).astype(np.float32)
    artifact = tfedge.convert(
        model, target="tflite", calibration=data, input_type="float32", output_type="float32"
    )
    right = model.predict(data, verbose=0)
    for engine in ("litert", "litert-reference", "c"):
        results = ENGINES[engine](artifact.flatbuffer, [[row[None]] for row in data])
        got = np.concatenate([sample[0] for sample in results])
        assert decibels(right, got) > 25, engine


def test_what_is_too_small_for_a_prescribed_grid_is_0_everywhere():
    x = keras.Input((8,))
    model = keras.Model(x, layers.Dense(4)(layers.Activation("tanh")(vanishing(1e-12)(x))))
    data = np.random.default_rng(0).normal(size=(32, 8)).astype(np.float32)
    artifact = tfedge.convert(
        model, target="tflite", calibration=data, input_type="float32", output_type="float32"
    )
    for engine in ("litert", "c"):
        results = ENGINES[engine](artifact.flatbuffer, [[row[None]] for row in data])
        assert not np.any([sample[0] for sample in results])


def test_what_keeps_a_divisor_from_0_does_so_in_integers():
    x = keras.Input(SHAPE)
    model = keras.Model(x, ops.normalize(x, axis=-1, order=1))
    data = rows()
    artifact = tfedge.convert(
        model, target="tflite", calibration=data, input_type="float32", output_type="float32"
    )
    right = model.predict(data, verbose=0)
    for engine in ("litert", "c"):
        results = ENGINES[engine](artifact.flatbuffer, [[row[None]] for row in data])
        got = np.concatenate([sample[0] for sample in results])
        assert decibels(right, got) > 30, engine
        assert not got[3, 2].any()
