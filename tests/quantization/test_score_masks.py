"""Masks of attention, however a model writes them, cost the scores nothing and let nothing through.

Compared are the quantised model with the float one, whose masked steps must stay unseen, and its
integers with its file's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from quantization.device_agreement import agreement

import tfedge

STEPS, WIDTH, SAMPLES = 6, 8, 64
_CAUSAL = np.tril(np.ones((1, STEPS, STEPS), np.float32))
_LEAST = 25.0  # an unmasked model of this size has about 31 dB

# Of scores, and of steps that count [batch, 1, steps], as booleans and as numbers.
FORMS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sum with a constant": lambda s, m, r: s + (1 - _CAUSAL) * -1e9,
    "choice by a constant": lambda s, m, r: ops.where(_CAUSAL > 0, s, -1e9),
    "minus infinity": lambda s, m, r: ops.where(_CAUSAL > 0, s, -np.inf),
    "choice": lambda s, m, r: ops.where(m, s, -1e9),
    "choice of lowered scores": lambda s, m, r: ops.where(ops.logical_not(m), s - 1e9, s),
    "choice of a tensor": lambda s, m, r: ops.where(m, s, ops.full((STEPS, STEPS), -1e30)),
    "sum with a mask": lambda s, m, r: s + (1 - ops.cast(m, "float32")) * -1e9,
    "sum with a real mask": lambda s, m, r: (r - 1) * 1e4 + s,
    "difference": lambda s, m, r: s - 1e30 * (1 - ops.cast(m, "float32")),
    "two sums": lambda s, m, r: s + (1 - _CAUSAL) * -1e9 + (1 - ops.cast(m, "float32")) * -1e9,
    "product and sum": lambda s, m, r: s * r + (1 - r) * -1e4,
}
# Of a query and a value with masks of their own.
LAYERS: dict[str, Callable[[], Any]] = {
    "dot product": lambda: layers.Attention(),
    "heads": lambda: layers.MultiHeadAttention(2, 4),
    "heads that drop weights": lambda: layers.MultiHeadAttention(2, 4, dropout=0.5),
}


@pytest.fixture(scope="module")
def data() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, STEPS, WIDTH)).astype(np.float32)
    mask = rng.random((SAMPLES, STEPS)) > 0.4
    mask[:, 0] = True  # else a causal mask leaves the first step without a key
    return [x, mask, mask.astype(np.float32)]


def _model() -> keras.Model:
    """Every form on scores of its own, and what they weigh, as outputs."""
    keras.utils.set_random_seed(1)
    x = keras.Input((STEPS, WIDTH))
    mask = keras.Input((STEPS,), dtype="bool")
    real = keras.Input((STEPS,))
    outputs = {}
    for name, form in FORMS.items():
        query, key, value = (layers.Dense(WIDTH)(x) for _ in range(3))
        scores = ops.matmul(query, ops.transpose(key, (0, 2, 1)))
        weights = ops.softmax(form(scores, mask[:, None], real[:, None]))
        outputs[name] = ops.matmul(weights, value)
    return keras.Model([x, mask, real], outputs)


def _decibels(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(wanted**2) / np.mean((found - wanted) ** 2)))


def test_masks_of_any_form_cost_nothing(data: list[np.ndarray]):
    model = _model()
    quantized = tfedge.quantize(model, calibration=data)
    wanted, found = model.predict(data, verbose=0), quantized.predict(data, verbose=0)
    ratios = {name: _decibels(found[name], wanted[name]) for name in FORMS}
    assert min(ratios.values()) >= _LEAST, ratios
    masked = [name for name, _, how in quantized.report if how == "as a mask of scores"]
    assert len(masked) == len(FORMS) + 1  # one form has two
    assert agreement(quantized).farthest <= 1  # behind the product with a mask, else 0


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_scores_that_others_read_are_on_one_grid_with_them(scheme: str, data: list[np.ndarray]):
    keras.utils.set_random_seed(1)
    x, mask = keras.Input((STEPS, WIDTH)), keras.Input((STEPS,), dtype="bool")
    query, key, value = (layers.Dense(WIDTH)(x) for _ in range(3))
    scores = ops.matmul(query, ops.transpose(key, (0, 2, 1)))
    masked = [
        ops.where(mask[:, None], scores, -1e9),
        ops.where(_CAUSAL > 0, ops.transpose(scores, (0, 2, 1)), -1e9),
        ops.where(mask[:, None], ops.sigmoid(scores), -1e9),
    ]
    weighed = [ops.matmul(ops.softmax(each), value) for each in masked]
    model = keras.Model([x, mask], [scores, *weighed])
    quantized = tfedge.quantize(model, scheme, calibration=data[:2])
    wanted, found = (net.predict(data[:2], verbose=0) for net in (model, quantized))
    assert min(map(_decibels, found, wanted)) >= _LEAST
    assert agreement(quantized).farthest == 0


def test_scores_that_others_read_keep_their_range(data: list[np.ndarray]):
    x = keras.Input((STEPS, WIDTH))
    masked = ops.where(_CAUSAL > 0, ops.matmul(x, ops.transpose(x, (0, 2, 1))), -1000.0)
    model = keras.Model(x, [ops.softmax(masked), masked])
    quantized = tfedge.quantize(model, calibration=data[0])
    assert not any(how == "as a mask of scores" for *_, how in quantized.report)
    assert quantized.predict(data[0], verbose=0)[1].min() < -950


def test_biases_of_positions_are_no_masks(data: list[np.ndarray]):
    """What is added counts where it is not so low that nothing is left."""
    x = keras.Input((STEPS, WIDTH))
    bias = -2.0 * np.abs(np.arange(STEPS)[:, None] - np.arange(STEPS)).astype(np.float32)
    model = keras.Model(x, ops.softmax(ops.matmul(x, ops.transpose(x, (0, 2, 1))) / 8 + bias))
    quantized = tfedge.quantize(model, calibration=data[0])
    wanted = model.predict(data[0], verbose=0)
    assert _decibels(quantized.predict(data[0], verbose=0), wanted) > _LEAST


@pytest.fixture(scope="module")
def attended() -> tuple[keras.Model, list[np.ndarray]]:
    """Layers of Keras that are given masks, some of which leave out every step."""
    rng = np.random.default_rng(1)
    tokens = rng.integers(0, 5, (SAMPLES, STEPS))
    tokens[:4] = 0
    keras.utils.set_random_seed(2)
    query, ids = keras.Input((STEPS, WIDTH)), keras.Input((STEPS,), dtype="int32")
    value = layers.Embedding(5, WIDTH, mask_zero=True, embeddings_initializer="normal")(ids)
    outputs = {}
    for name, make in LAYERS.items():
        for causal in (False, True):
            pair = [ops.flip(query, 1) if causal else query, value]
            given = {"inputs": pair}
            if "heads" in name:
                given = {"query": pair[0], "value": value}
            outputs[f"{name}, {causal}"] = make()(**given, use_causal_mask=causal)
    x = rng.normal(size=(SAMPLES, STEPS, WIDTH)).astype(np.float32)
    return keras.Model([query, ids], outputs), [x, tokens]


def test_masks_of_layers_cost_nothing(attended: tuple[keras.Model, list[np.ndarray]]):
    model, given = attended
    quantized = tfedge.quantize(model, calibration=given)
    wanted, found = model.predict(given, verbose=0), quantized.predict(given, verbose=0)
    ratios = {name: _decibels(found[name], wanted[name]) for name in wanted}
    assert min(ratios.values()) >= _LEAST, ratios
    assert agreement(quantized).farthest == 0


def test_masks_of_additive_attention_cost_nothing(data: list[np.ndarray]):
    keras.utils.set_random_seed(2)
    x, mask = keras.Input((STEPS, WIDTH)), keras.Input((STEPS,), dtype="bool")
    attended = layers.AdditiveAttention()([x, x], mask=[None, mask], use_causal_mask=True)
    model = keras.Model([x, mask], attended)
    quantized = tfedge.quantize(model, calibration=data[:2])
    wanted, found = (net.predict(data[:2], verbose=0) for net in (model, quantized))
    assert _decibels(found, wanted) >= _LEAST


def test_weights_are_dropped_in_training_alone():
    x = keras.Input((STEPS, WIDTH))
    model = keras.Model(x, layers.MultiHeadAttention(2, 4, dropout=0.5)(x, x))
    quantized = tfedge.quantize(model)
    given = np.ones((2, STEPS, WIDTH), np.float32) * np.arange(STEPS, dtype=np.float32)[:, None]
    first, second = (np.asarray(quantized(given, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 0.01
