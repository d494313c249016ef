"""SavedModel folders and float .tflite files that other tools wrote."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfedge
from tfedge.errors import ModelFileError, TfedgeError
from tfedge_converters.verify.engines import run_litert

layers = keras.layers
X = np.random.default_rng(0).normal(size=(20, 8, 8, 2)).astype(np.float32)


def net():
    keras.utils.set_random_seed(5)
    inputs = keras.Input((8, 8, 2), name="image")
    x = layers.Conv2D(6, 3, activation="relu")(inputs)
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    return keras.Model(inputs, layers.Dense(3, name="score")(x))


def outputs(artifact):
    results = run_litert(artifact.flatbuffer, [[value[None]] for value in X])
    return np.array([result[0][0] for result in results])


def test_an_exported_keras_model(tmp_path):
    model = net()
    model.export(str(tmp_path / "net"), verbose=False)
    artifact = tfedge.convert(tmp_path / "net", target="tflite", quantization="float32")
    assert artifact.name == "net"
    np.testing.assert_allclose(outputs(artifact), model.predict(X, verbose=0), atol=1e-5)
    integer = tfedge.convert(tmp_path / "net", calibration=X)
    assert tfedge.verify(integer.model, samples=10).passed


class Served(tf.Module):
    """A function that no Keras knows."""

    def __init__(self):
        super().__init__()
        self.weights = tf.Variable(np.arange(6, dtype=np.float32).reshape(2, 3))

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32, name="x")])
    def serve(self, x):
        return {"y": tf.nn.relu(x @ self.weights), "z": x * 2.0}


def test_a_function_of_tensorflow(tmp_path):
    module = Served()
    tf.saved_model.save(module, str(tmp_path / "f"), signatures=module.serve)
    data = np.random.default_rng(1).normal(size=(12, 2)).astype(np.float32)
    artifact = tfedge.convert(tmp_path / "f", calibration={"x": data})
    assert [spec.name for spec in artifact.source.outputs] == ["y", "z"]
    assert tfedge.verify(artifact.model, samples=10).passed


def test_open_shapes_and_missing_signatures_are_told(tmp_path):
    class Any(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32, name="x")])
        def serve(self, x):
            return {"y": x * 2.0}

    module = Any()
    tf.saved_model.save(module, str(tmp_path / "open"), signatures=module.serve)
    with pytest.raises(TfedgeError, match="input_shapes"):
        tfedge.convert(tmp_path / "open", target="tflite", quantization="float32")
    artifact = tfedge.convert(
        tmp_path / "open", target="tflite", quantization="float32", input_shapes=(4,)
    )
    assert artifact.model.main.inputs[0].shape == (1, 4)
    tf.saved_model.save(module, str(tmp_path / "unnamed"), signatures={"other": module.serve})
    with pytest.raises(ModelFileError, match="without the signature serving_default"):
        tfedge.convert(tmp_path / "unnamed")


@pytest.mark.parametrize("batch", [1, None])
def test_a_float_file_of_tensorflows_converter(tmp_path, batch):
    model = net()
    inputs = keras.Input(batch_shape=(batch, 8, 8, 2))
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(inputs, model(inputs)))
    path = tmp_path / "float.tflite"
    path.write_bytes(converter.convert())
    artifact = tfedge.convert(path, calibration=X)
    assert tfedge.verify(artifact.model, samples=10).passed
    codes = [operator.code for operator in artifact.model.main.operators]
    assert codes == ["CONV_2D", "MUL", "MEAN", "FULLY_CONNECTED"]
    again = tfedge.convert(artifact.flatbuffer, target="tflite")
    assert again.flatbuffer == artifact.flatbuffer
