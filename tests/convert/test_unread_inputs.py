"""Inputs that no output of the model depends on."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

import tfedge
from tfedge_converters.graph import TensorType

RNG = np.random.default_rng(0)
SAMPLES = {name: RNG.normal(size=(16, 4)).astype(np.float32) for name in ("read", "unread")}


def _network():
    keras.utils.set_random_seed(0)
    read, unread = (keras.Input((4,), name=name) for name in SAMPLES)
    return keras.Model({"read": read, "unread": unread}, layers.Dense(3)(read))


def test_what_nobody_reads_needs_no_range():
    model = _network()
    quantized = tfedge.quantize(model, calibration=SAMPLES)
    assert "unread_quantize" not in [layer.name for layer in quantized.layers]
    other = {**SAMPLES, "unread": 100 * SAMPLES["unread"]}
    np.testing.assert_array_equal(
        quantized.predict(SAMPLES, verbose=0), quantized.predict(other, verbose=0)
    )
    for given, calibration in ((quantized, None), (model, SAMPLES)):
        for target in ("host", "tflite-micro"):
            artifact = tfedge.convert(given, target=target, calibration=calibration)
            inputs = {tensor.name: tensor.type for tensor in artifact.model.main.inputs}
            assert list(inputs.values()) == [TensorType.INT8, TensorType.INT8], inputs
            assert tfedge.verify(artifact).passed
