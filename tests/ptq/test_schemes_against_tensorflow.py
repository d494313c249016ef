"""int16 activations as TensorFlow's converter makes them, from the same model and ranges."""

from __future__ import annotations

import keras_models
import numpy as np
import pytest
import tensorflow as tf
from model_comparison import quantized_pairs

from tfedge_converters.graph import TensorType, read_model
from tfedge_converters.ptq import calibrate, quantize


def _samples(model, count=4):
    rng = np.random.default_rng(8)
    shapes = [(1, *tensor.shape[1:]) for tensor in model.inputs]
    return [[rng.normal(size=s).astype(np.float32) for s in shapes] for _ in range(count)]


def _of_tensorflow(model, samples):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter(samples)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    ]
    converter.inference_input_type = converter.inference_output_type = tf.int16
    return read_model(converter.convert()).main


def _overwritten(pair):
    """TensorFlow's calibrator looks at an operand after an addition in place has changed it."""
    return pair.kind == "activation" and pair.consumer is not None and pair.consumer.code in _SUMS


def _consistent(pair):
    """Whether the bias has the scale of the products; TensorFlow gives biases that start as one
    constant one scale, right for one of their operators.
    """
    source, weights = (tensor.quantization for tensor in pair.consumer.inputs[:2])
    scale = pair.theirs.quantization.scale
    return np.allclose(scale, source.scale * weights.scale, rtol=1e-5, atol=0)


_SUMS = ("ADD", "SUB")


@pytest.mark.parametrize("build", [keras_models.residual_cnn, keras_models.sequence_pair])
def test_integers_and_grids_are_equal(build):
    network = build()
    samples = _samples(network)
    ours = read_model(keras_models.to_float_tflite(network))
    calibrate(ours, samples, scheme="int16x8")
    quantize(ours, "int16x8")
    pairs = quantized_pairs(ours.main, _of_tensorflow(network, samples), versions=False)
    compared = set()
    for pair in pairs:
        if _overwritten(pair) or (pair.kind == "bias" and not _consistent(pair)):
            continue
        compared.add((pair.kind, pair.ours.type))
        assert pair.same_zero_point, pair.ours.name
        assert pair.scale_error < 1e-6, pair.ours.name
        if pair.kind in ("weights", "operand"):
            assert not pair.differences.any(), pair.ours.name
        if pair.kind == "bias":
            allowed = 1 + 1e-6 * np.abs(pair.theirs.data)
            assert (np.abs(pair.differences) <= allowed).all(), pair.ours.name
    assert compared >= {
        ("activation", TensorType.INT16),
        ("weights", TensorType.INT8),
        ("bias", TensorType.INT64),
    }


def test_scales_are_equal_for_all_kinds_of_ranges():
    rng = np.random.default_rng(3)
    network = keras_models.many_inputs(60)
    ends = rng.normal(size=(60, 2)) * np.exp(rng.uniform(-9, 9, (60, 1)))
    samples = [[np.float32([[low, low, high, high]]) for low, high in ends]] * 2
    ours = read_model(keras_models.to_float_tflite(network))
    calibrate(ours, samples, scheme="int16x8")
    quantize(ours, "int16x8")
    theirs = _of_tensorflow(network, samples)
    grids = {tensor.name: tensor.quantization for tensor in theirs.inputs}
    for tensor in ours.main.inputs:
        assert grids[tensor.name].same_as(tensor.quantization), tensor.name


def test_biases_get_the_same_room():
    network = keras_models.dead_channels()
    samples = _samples(network)
    ours = read_model(keras_models.to_float_tflite(network))
    calibrate(ours, samples, scheme="int16x8")
    quantize(ours, "int16x8")
    for pair in quantized_pairs(ours.main, _of_tensorflow(network, samples), versions=False):
        if pair.ours.is_constant:
            # A channel of zeros has scale 0 there, with which nothing can compute, and 1 here.
            alive = pair.theirs.quantization.scale > 0
            ours_alive = pair.ours.quantization.scale[alive]
            np.testing.assert_allclose(ours_alive, pair.theirs.quantization.scale[alive], 1e-6)
            assert not pair.ours.data[~alive].any()
