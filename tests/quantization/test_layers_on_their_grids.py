"""Every supported layer becomes the operators that it should, on ranges that came from training,
and the quantised Keras model predicts what these operators compute."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from device_agreement import agreement, disturb, train
from keras import layers
from layer_cases import CASES

import tfedge
from tfedge_converters.verify.engines import engine

# Cases of layers whose weights, or those in front of them, a training step has to move.
LEARNING = ("layer_norm", "reversible", "rms_norm", "unit_norm_behind")


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    case = CASES[name]
    keras.utils.set_random_seed(1)
    quantized = tfedge.quantize(case.model(), "int8")
    train(quantized)
    disturb(quantized)
    result = agreement(quantized)
    assert tuple(result.codes) == case.codes
    assert result.farthest <= case.farthest, result.steps


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(LEARNING)])
def test_every_weight_learns(name):
    keras.utils.set_random_seed(1)
    quantized = tfedge.quantize(CASES[name].model(), "int8")
    disturb(quantized)
    before = [np.array(variable) for variable in quantized.trainable_variables]
    train(quantized)
    for old, variable in zip(before, quantized.trainable_variables, strict=True):
        assert (old != np.array(variable)).any(), variable.path


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_what_several_layers_read_is_on_one_grid(scheme):
    """Scores that a mask puts on another grid, and operands whose grids are joined twice."""
    keras.utils.set_random_seed(1)
    x = keras.Input((6, 8))
    scores, wide, other = (layers.Dense(8)(x) for _ in range(3))
    causal = np.tri(6, 8)[None] > 0
    outputs = [
        layers.Softmax()(scores, mask=causal),
        layers.Dense(3)(scores),
        layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True),
        layers.Maximum()([scores, other]),
        layers.Concatenate()([wide, scores]),
    ]
    quantized = tfedge.quantize(keras.Model(x, outputs), scheme)
    train(quantized)
    farthest = agreement(quantized).farthest
    assert farthest <= (1 if scheme == "int8" else 0)


def test_a_soft_cap_of_16_bits_is_integer():
    keras.utils.set_random_seed(1)
    quantized = tfedge.quantize(CASES["reversible_embedding_capped"].model(), "int16x8")
    train(quantized)
    result = agreement(quantized)
    assert result.codes[-3:] == ["FULLY_CONNECTED", "TANH", "MUL"]
    assert result.farthest == 0


def test_equal_operators_have_each_their_own_grid():
    """TensorFlow merges equal operators, though one of them shares its grid with others."""
    x = keras.Input((6,))
    shared, own, merged, again = (keras.ops.multiply(x, x) for _ in range(4))
    outputs = [keras.ops.minimum(x, shared), *(keras.ops.add(y, x) for y in (own, merged, again))]
    quantized = tfedge.quantize(keras.Model(x, outputs))
    train(quantized)
    result = agreement(quantized)
    assert result.farthest == 0
    assert result.codes.count("MUL") == 2


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_positions_of_the_largest_are_the_devices(scheme):
    """Of equal numbers the first is larger, on all of them."""
    x = keras.Input((4, 9))
    values, positions = keras.ops.top_k(x, 3)
    small = np.random.default_rng(0).integers(-2, 3, (32, 4, 9)).astype(np.float32)
    quantized = tfedge.quantize(keras.Model(x, [positions, values]), scheme, calibration=small)
    artifact = tfedge.convert(quantized, input_type="float32", output_type="float32")
    found, _ = quantized.predict(small, verbose=0)
    assert found.dtype == np.int32
    for name in ("litert", "c"):
        device = engine(name)(artifact.flatbuffer, [[one[None]] for one in small])
        np.testing.assert_array_equal(np.concatenate([one[0] for one in device]), found)


def test_integers_between_a_function_and_a_product():
    """The product has an integer kernel, so that it reads the function's result on its grid."""
    x = keras.Input((6,))
    quotient = 1.25 / (keras.ops.relu(x) + 0.25)
    quantized = tfedge.quantize(keras.Model(x, keras.ops.multiply(x, quotient)))
    train(quantized)
    result = agreement(quantized)
    assert result.codes[-1] == "MUL"
    assert result.farthest == 0
