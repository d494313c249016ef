"""What TensorFlow's quantiser leaves in float32 becomes tables equal to TFLite Micro's kernels."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge

ops = keras.ops

ISLANDS = {
    "elu": (keras.activations.elu, "DEQUANTIZE, ELU, QUANTIZE"),
    "negative": (ops.negative, "DEQUANTIZE, NEG, QUANTIZE"),
    "round": (ops.round, "DEQUANTIZE, ROUND, QUANTIZE"),
    "sin_of_floor": (lambda x: ops.sin(ops.floor(x)), "DEQUANTIZE, FLOOR, SIN, QUANTIZE"),
    "square_of_cos": (lambda x: ops.square(ops.cos(x)), "DEQUANTIZE, COS, SQUARE, QUANTIZE"),
}


def quantized_by_tensorflow(model: keras.Model, data: np.ndarray) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in data)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


@pytest.mark.parametrize("name", ISLANDS)
def test_an_island_is_one_table(name):
    function, steps = ISLANDS[name]
    keras.utils.set_random_seed(1)
    x = keras.Input(batch_shape=(1, 12))
    model = keras.Model(x, keras.layers.Dense(4)(function(3 * keras.layers.Dense(40)(x))))
    data = np.random.default_rng(1).normal(size=(20, 12)).astype(np.float32)
    artifact = tfedge.convert(quantized_by_tensorflow(model, data))
    assert steps in [layer.lowered.detail for layer in artifact.source.plan.layers]
    result = tfedge.verify(artifact.model, samples=50, engines=("tflite-micro", "c"))
    assert result.truth == "tflite-micro"
    assert result.passed
