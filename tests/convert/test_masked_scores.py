"""Masks of any size cost SOFTMAX nothing, wherever they come from."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge
from tfedge_converters.verify.engines import ENGINES

layers, ops = keras.layers, keras.ops

STEPS, WIDTH, SAMPLES = 10, 16, 32


def scores(x):
    return ops.matmul(x, ops.swapaxes(x, 1, 2)) / 2


def attended(x, masked):
    return ops.matmul(ops.softmax(masked), x)


def model_with_masks():
    """Attention without a mask, and with masks that are constant, computed and given."""
    x = keras.Input((STEPS, WIDTH), name="x")
    allowed = keras.Input((STEPS, STEPS), dtype="bool", name="allowed")
    ones = keras.Input((STEPS, STEPS), name="ones")
    addend = keras.Input((STEPS, STEPS), name="addend")
    future = np.triu(np.full((STEPS, STEPS), -3.4e38, np.float32), 1)
    attention = layers.MultiHeadAttention(2, 8)
    outputs = {
        "none": attended(x, scores(x)),
        "heads": attention(x, x),
        "causal_heads": attention(x, x, use_causal_mask=True),
        "heads_with_mask": attention(x, x, attention_mask=allowed),
        "causal": layers.Attention()([x, x], use_causal_mask=True),
        "softmax": ops.matmul(layers.Softmax()(scores(x), mask=allowed), x),
        "by_product": attended(x, scores(x) + (1 - ones) * -1e9),
        "by_difference": attended(x, scores(x) - 1e4 * (1 - ones)),
        "given": attended(x, scores(x) + addend),
        "constant": attended(x, scores(x) + future),
        "infinite": attended(x, ops.where(allowed, scores(x), -np.inf)),
    }
    return keras.Model([x, allowed, ones, addend], list(outputs.values())), list(outputs)


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, STEPS, WIDTH)).astype(np.float32)
    allowed = rng.random((SAMPLES, STEPS, STEPS)) > 0.4
    allowed[:, :, 0] = True
    sentinels = np.where(allowed, 0, -1e9).astype(np.float32)
    return [x, allowed, allowed.astype(np.float32), sentinels]


@pytest.mark.parametrize(
    ("quantization", "target", "engine", "least"),
    [("int8", "host", "c", 28), ("int16x8", "tflite-micro", "tflite-micro", 40)],
)
def test_masks_cost_nothing(quantization, target, engine, least):
    keras.utils.set_random_seed(0)
    model, names = model_with_masks()
    samples = data()
    artifact = tfedge.convert(
        model, target=target, quantization=quantization, calibration=samples,
        input_type="float32", output_type="float32",
    )  # fmt: skip
    right = model.predict(samples, verbose=0)
    rows = [[part[index][None] for part in samples] for index in range(SAMPLES)]
    results = ENGINES[engine](artifact.flatbuffer, rows)
    found = {
        name: decibels(right[index], np.concatenate([sample[index] for sample in results]))
        for index, name in enumerate(names)
    }
    for name, value in found.items():
        whole = found["heads" if "heads" in name else "none"]
        assert value > max(least, whole - 6), found


def decibels(right, got):
    return 10 * np.log10(np.square(right).sum() / np.square(right - got).sum())


def test_rows_that_are_masked_altogether_are_even_and_spoil_nothing():
    x = keras.Input((STEPS, WIDTH))
    ones = keras.Input((STEPS, STEPS))
    model = keras.Model([x, ones], attended(x, scores(x) + (1 - ones) * -1e9))
    values, _, allowed, _ = data()
    allowed[:, 3] = 0
    allowed[5] = 0
    artifact = tfedge.convert(
        model, calibration=[values, allowed], input_type="float32", output_type="float32"
    )
    right = model.predict([values, allowed], verbose=0)
    rows = [[values[i][None], allowed[i][None]] for i in range(SAMPLES)]
    got = np.concatenate([sample[0] for sample in ENGINES["c"](artifact.flatbuffer, rows)])
    assert decibels(right, got) > 28


def test_scores_that_are_an_output_too_keep_their_range():
    x, mask = keras.Input((6,)), keras.Input((6,))
    masked = x + mask
    artifact = tfedge.convert(
        keras.Model([x, mask], [masked, ops.softmax(masked)]),
        calibration=[np.ones((4, 6), np.float32), np.full((4, 6), -1e4, np.float32)],
    )
    assert artifact.model.main.outputs[0].quantization.scale[0] > 30


def test_masks_behind_scores_that_training_put_on_a_grid():
    x = keras.Input((STEPS, WIDTH))
    y = layers.Softmax()(layers.Dense(STEPS)(x), mask=np.tril(np.ones((STEPS, STEPS), bool)))
    model = keras.Model(x, layers.Dense(3)(y))
    values = data()[0]
    trained = tfedge.quantize(model)
    trained.compile("adam", "mse")
    trained.fit(values, np.zeros((SAMPLES, STEPS, 3)), epochs=1, verbose=0)
    artifact = tfedge.convert(trained, input_type="float32", output_type="float32")
    results = ENGINES["c"](artifact.flatbuffer, [[row[None]] for row in values])
    got = np.concatenate([sample[0] for sample in results])
    assert decibels(model.predict(values, verbose=0), got) > 25


def test_masks_cost_maxima_nothing():
    """Neither where a choice makes them, nor where a sum does that Keras takes for a bias."""
    x, mask = keras.Input((STEPS, STEPS)), keras.Input((STEPS,), dtype="bool")
    masked = 1 - ops.cast(mask, "float32")[:, :, None]
    outputs = [ops.max(ops.where(mask[:, :, None], x, -1e9), 1), ops.max(x + masked * -1e9, 1)]
    model = keras.Model([x, mask], outputs)
    samples = [data()[0][:, :, :STEPS], data()[1][:, 0]]
    artifact = tfedge.convert(model, calibration=samples)
    assert artifact.quality.snr > 25
