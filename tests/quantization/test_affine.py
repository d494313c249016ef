"""The rules of affine quantisation, and that TensorFlow's graphs follow the same ones."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfedge.quantization import affine, affine_tensors
from tfedge.quantization.activation_types import ACTIVATION_TYPES
from tfedge.quantization.affine import (
    accumulator_scales,
    largest_biases,
    round_away,
    weight_scale,
)


def test_ties_go_away_from_zero():
    np.testing.assert_array_equal(
        round_away(np.array([-2.5, -1.5, -0.5, 0.49999997, 0.5, 1.5, 2.5])),
        [-3, -2, -1, 0, 1, 2, 3],
    )


def test_weight_scale_per_channel_and_per_tensor():
    weights = np.array([[1.0, -127.0], [12.7, 0.0]], np.float32)
    np.testing.assert_array_equal(weight_scale(weights, 0, 127), np.float32([1.0, 12.7 / 127]))
    np.testing.assert_array_equal(weight_scale(weights, 1, 127), np.float32([12.7 / 127, 1.0]))
    np.testing.assert_array_equal(weight_scale(weights, None, 127), np.float32([1.0]))


def test_scales_without_overflow_are_products():
    weight = np.float32([0.1, 0.2])
    scale, bias = accumulator_scales(
        weight, np.float32(0.3), largest_biases(np.float32([1, -1]), 2)
    )
    np.testing.assert_array_equal(scale, weight)
    np.testing.assert_array_equal(bias, weight * np.float32(0.3))


@pytest.mark.parametrize(
    ("weight", "bias"),
    [
        ([0.0], [0.0]),
        ([0.0], None),
        ([0.0], [2.0]),
        ([1e-30], [2.0]),
        ([1e-44], [0.0]),
        ([1e-8, 0.5], [-1e6, 1.0]),
        ([1e-8], [-1e6, 1.0]),  # one scale for all channels
    ],
)
@pytest.mark.parametrize("input_scale", [1e-12, 0.02, 1e6])
def test_scales_are_never_zero_and_biases_fit(weight, bias, input_scale):
    weight = np.float32(weight)
    input_scale = np.float32(input_scale)
    bias = None if bias is None else np.float32(bias)
    largest = largest_biases(bias, weight.size)
    scale, bias_scale = accumulator_scales(weight, input_scale, largest)
    assert scale.dtype == bias_scale.dtype == np.float32
    assert (scale > 0).all() and (bias_scale > 0).all() and np.isfinite(bias_scale).all()
    assert (scale >= weight).all()
    # TFLite Micro compares the bias scale with the product of the others.
    np.testing.assert_allclose(scale.astype(np.float64) * input_scale, bias_scale, rtol=3e-7)
    if bias is not None:
        assert (np.abs(bias) / bias_scale.astype(np.float64)).max() <= 2**30


def test_trained_scales_with_room_for_the_bias_keep_it():
    """Training gives weights a scale, and conversion applies the rule to it once more."""
    weight, largest, input_scale = _channels(np.random.default_rng(0), 20_000)
    scale, _ = accumulator_scales(weight, input_scale, largest)
    assert (scale != weight).any() and (scale == weight).any()
    again, bias_scale = accumulator_scales(scale, input_scale, largest)
    np.testing.assert_array_equal(again, scale)
    # A bias on BIAS_MAX exactly may be rounded to one more.
    biases = affine.quantize_bias(largest.astype(np.float32), bias_scale)
    assert biases.max() <= affine.BIAS_MAX + 1


def _channels(rng, count):
    """Weight scales and magnitudes of biases of all sizes, some dead, and an input's scale."""
    weight = np.exp(rng.uniform(-60, 5, count)).astype(np.float32)
    largest = np.abs(np.exp(rng.uniform(-30, 20, count)).astype(np.float32)).astype(np.float64)
    weight[::7], largest[::5] = 0, 0
    return weight, largest, np.float32(rng.uniform(1e-4, 1))


_COMPILERS = {
    "eager": lambda function: function,
    "graph": lambda function: tf.function(function, autograph=False),
    "XLA": lambda function: tf.function(function, autograph=False, jit_compile=True),
}


@pytest.fixture(params=_COMPILERS)
def compiled(request):
    return _COMPILERS[request.param]


def _same(tensors, arrays):
    for tensor, array in zip(tensors, arrays, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("bits", ACTIVATION_TYPES)
def test_graphs_find_the_same_scales_and_zero_points(compiled, bits):
    activation_type = ACTIVATION_TYPES[bits]
    rng = np.random.default_rng(bits)
    ends = (rng.normal(size=(300, 2)) * np.exp(rng.uniform(-20, 20, (300, 1)))).astype(np.float32)
    ends = np.concatenate((np.sort(ends), [[0, 0], [0, 1], [-1, 0], [2, 3], [-1e-45, 1e-45]]))
    of_range = compiled(
        lambda ends: affine_tensors.scale_and_zero_point(ends[0], ends[1], activation_type)
    )
    for low, high in ends.astype(np.float32):
        found = affine.scale_and_zero_point(float(low), float(high), activation_type)
        _same(of_range(tf.constant([low, high])), found)


def test_graphs_make_the_same_room_for_biases(compiled):
    weight, largest, input_scale = _channels(np.random.default_rng(1), 20_000)
    scales = compiled(affine_tensors.accumulator_scales)
    _same(
        scales(tf.constant(weight), tf.constant(input_scale), tf.constant(largest)),
        accumulator_scales(weight, input_scale, largest),
    )


def test_graphs_find_the_same_weights_and_biases(compiled):
    rng = np.random.default_rng(2)
    values = rng.normal(size=(200, 50)).astype(np.float32)

    def weights(values):
        scale = affine_tensors.weight_scale(tf.reduce_max(tf.abs(values), 0), 127)
        return scale, affine_tensors.quantize_symmetric(values, scale, 127)

    scale = weight_scale(values, 1, 127)
    expected = scale, affine.quantize_symmetric(values, scale, 1, 127)
    _same(compiled(weights)(tf.constant(values)), expected)

    largest = largest_biases(values[0], 50)
    bias_scale = (largest / affine.BIAS_MAX).astype(np.float32)
    bias = compiled(affine_tensors.quantize_bias)(tf.constant(values[0]), tf.constant(bias_scale))
    _same([bias], [affine.quantize_bias(values[0], bias_scale)])


@pytest.mark.parametrize("scales", [1, 6])
def test_graphs_take_the_same_largest_biases(compiled, scales):
    bias = np.float32([1, -3, 2, 0, -1, 0.5])
    largest = compiled(affine_tensors.largest_biases)(tf.constant(bias), tf.constant(scales))
    _same([largest], [largest_biases(bias, scales)])


def test_graphs_find_the_same_integer_bits(compiled):
    below_and_above = [np.nextafter(np.float32(2.0**k), np.float32(end), dtype=np.float32)
                       for k in range(-1, 8) for end in (0, 1e9)]  # fmt: skip
    bits = compiled(affine_tensors.integer_bits)
    for high in [0, *below_and_above, *(2.0**k for k in range(-1, 8))]:
        for low in (0.0, -1.5, -float(high)):
            found = bits(tf.constant(low, tf.float32), tf.constant(high, tf.float32))
            assert int(found) == affine.integer_bits(low, float(high))


def test_graphs_let_reciprocal_roots_end_where_conversion_does(compiled):
    found = compiled(affine_tensors.reciprocal_root_end)
    for result, operand in np.random.default_rng(3).uniform(1e-3, 300, (200, 2)).astype(np.float32):
        expected = affine.reciprocal_root_end(float(result), float(operand))
        assert found(tf.constant(result), tf.constant(operand)).numpy() == np.float32(expected)
