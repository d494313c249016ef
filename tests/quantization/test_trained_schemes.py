"""Models that were trained for a scheme are converted to it, ends included."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from device_agreement import agreement
from keras import layers

import tfedge
from tfedge.quantization import ActivationScheme, LayerScheme, Scheme
from tfedge_converters.graph import TensorType

WIDE = LayerScheme(activations=ActivationScheme(bits=16))
MIXED = Scheme("mixed", overrides={"logits": WIDE})
SAMPLES = np.random.default_rng(0).normal(size=(16, 6)).astype(np.float32)


def _network(last):
    keras.utils.set_random_seed(2)
    x = keras.Input((6,))
    return keras.Model(x, last(layers.Dense(6, name="logits")(x)))


def _ends(artifact):
    graph = artifact.model.main
    return [tensor.type for tensor in (*graph.inputs, *graph.outputs)]


@pytest.mark.parametrize(
    ("scheme", "first"), [("int16x8", TensorType.INT16), (MIXED, TensorType.INT8)]
)
def test_what_is_moved_to_an_output_keeps_its_width(scheme, first):
    quantized = tfedge.quantize(_network(layers.Reshape((2, 3))), scheme, calibration=SAMPLES)
    result = agreement(quantized, target="tflite-micro")
    assert _ends(result.artifact) == [first, TensorType.INT16]
    assert result.codes[-2:] == ["FULLY_CONNECTED", "RESHAPE"]
    assert result.farthest == 0, result.steps


def test_a_file_remembers_what_its_model_was_trained_for(tmp_path):
    model = _network(layers.Softmax())
    model.compile("sgd", "mse")
    callback = tfedge.callbacks.QuantizationAwareTraining("int16x8")
    model.fit(SAMPLES, np.zeros((16, 6)), verbose=0, callbacks=[callback])
    model.save(tmp_path / "net.keras")
    for given in (model, tmp_path / "net.keras"):
        artifact = tfedge.convert(given, target="tflite-micro")
        assert _ends(artifact) == [TensorType.INT16, TensorType.INT16]


def test_a_target_that_lists_its_schemes_has_the_last_word():
    quantized = tfedge.quantize(_network(layers.ReLU()), "int16x8", calibration=SAMPLES)
    wide = tfedge.convert(quantized, target="tflite", quantization="int16x8")
    assert tfedge.convert(quantized, target="tflite").flatbuffer == wide.flatbuffer
    assert _ends(tfedge.convert(quantized, target="litert-gpu"))[0] == TensorType.FLOAT32
