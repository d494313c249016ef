"""Integer inputs that a model makes real numbers of: images of bytes, counts."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import tfedge
from tfedge_converters.graph import TensorType
from tfedge_converters.verify.engines import engine

pytest.importorskip("tflite_micro")
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (32, 6, 6, 3)).astype(np.uint8)
IMAGES[0, 0, 0] = 0, 255, 128
COUNTS = RNG.integers(-500, 500, (32, 8)).astype(np.int32)


def _images(first):
    keras.utils.set_random_seed(1)
    x = keras.Input((6, 6, 3), dtype="uint8")
    return keras.Model(x, layers.Flatten()(layers.Conv2D(4, 3)(first(x))))


def _counts():
    keras.utils.set_random_seed(1)
    x = keras.Input((8,), dtype="int32")
    return keras.Model(x, layers.Dense(4)(ops.cast(x, "float32")))


def _logarithm(x):
    return ops.log(ops.cast(x, "float32") + 1.0)


MODELS = {
    "scaled": (lambda: _images(layers.Rescaling(1 / 255)), IMAGES, TensorType.UINT8),
    "logarithm": (lambda: _images(_logarithm), IMAGES, TensorType.UINT8),
    "counts": (_counts, COUNTS, TensorType.INT32),
}


def _run(artifact, data, name):
    """What the model computes of samples as the user has them, in real numbers."""
    (result,) = artifact.model.main.outputs
    rows = engine(name)(artifact.flatbuffer, [[row[None]] for row in data])
    scale, zero = (
        float(part[0]) for part in (result.quantization.scale, result.quantization.zero_point)
    )
    return (np.concatenate([row[0] for row in rows]).astype(np.float64) - zero) * scale, scale


@pytest.mark.parametrize("name", MODELS)
def test_they_are_the_inputs_of_the_converted_model(name):
    make, data, type_ = MODELS[name]
    model = make()
    wanted = model.predict(data, verbose=0)
    for target in ("tflite", "tflite-micro", "host"):
        artifact = tfedge.convert(model, target=target, calibration=data)
        assert [tensor.type for tensor in artifact.model.main.inputs] == [type_]
        assert tfedge.verify(artifact).passed
        got, _ = _run(artifact, data, "tflite-micro" if target == "tflite-micro" else "litert")
        assert np.square(wanted).mean() > 1e3 * np.square(got - wanted).mean(), target


@pytest.mark.parametrize("name", ["scaled", "counts"])
def test_training_puts_them_on_the_grid_of_the_file(name):
    make, data, type_ = MODELS[name]
    quantized = tfedge.quantize(make(), calibration=data)
    artifact = tfedge.convert(quantized, target="tflite-micro")
    assert [tensor.type for tensor in artifact.model.main.inputs] == [type_]
    got, scale = _run(artifact, data, "tflite-micro")
    np.testing.assert_allclose(got, quantized.predict(data, verbose=0), atol=1e-3 * scale)


def test_bytes_are_shifted_and_nothing_else():
    artifact = tfedge.convert(MODELS["scaled"][0](), target="tflite-micro", calibration=IMAGES)
    first = artifact.model.main.operators[0]
    assert first.code == "QUANTIZE"
    assert [tensor.type for tensor in (*first.inputs, *first.outputs)] == [
        TensorType.UINT8,
        TensorType.INT8,
    ]
    assert [int(t.quantization.zero_point[0]) for t in (*first.inputs, *first.outputs)] == [0, -128]


def test_what_looks_at_samples_takes_them_as_they_are():
    model = MODELS["scaled"][0]()
    for options in (
        {"recovery": ["bias_correction"]},
        {"input_type": "int8"},
        {"input_type": "float32"},
    ):
        artifact = tfedge.convert(model, target="tflite", calibration=IMAGES, **options)
        (output,) = artifact.quality.outputs
        assert output.noise < 1e-3, options
    assert tfedge.diagnose(model, calibration=IMAGES).layers


def test_activations_of_16_bits():
    for name in ("scaled", "counts"):
        make, data, type_ = MODELS[name]
        model = make()
        artifact = tfedge.convert(
            model, target="tflite-micro", quantization="int16x8", calibration=data
        )
        assert artifact.model.main.inputs[0].type == type_
        got, _ = _run(artifact, data, "tflite-micro")
        wanted = model.predict(data, verbose=0)
        assert np.square(wanted).mean() > 1e4 * np.square(got - wanted).mean()
