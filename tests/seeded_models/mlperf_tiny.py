"""The four network architectures of MLPerf Tiny with random weights, as files of three kinds.

They are made as the published ones were, by Keras 2 and TensorFlow's converter, so that tests
compare with files that tfedge had no part in. Weights come from seeds, batch-norms have statistics
as if trained, and most channels at the end of `vww` are dead, as training has left them there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

NAMES = ("ad", "ic", "kws", "vww")

_CALIBRATION_SAMPLES = 8
# Of `vww`: at the end, dead channels are those whose weights vanish beside their bias. Below
# 5e-7, TensorFlow takes weights for that large.
_DYING_LAYERS, _DEAD_SHARE, _DEAD_SCALE = 6, 0.8, 5e-6


def inputs_for(name: str, count: int) -> np.ndarray:
    """Float32 inputs of shape (count, *shape of one): smooth images, spectra, features."""
    rng = np.random.default_rng(11)
    if name == "ad":
        return rng.normal(-5, 10, (count, 640)).astype(np.float32)
    if name == "kws":
        return rng.normal(0, 12, (count, 49, 10, 1)).astype(np.float32)
    side, largest = {"ic": (32, 255), "vww": (96, 1)}[name]
    coarse = rng.random((count, 4, 4, 3)) * largest
    return np.kron(coarse, np.ones((1, side // 4, side // 4, 1))).astype(np.float32)


def write(name: str, folder: Path) -> None:
    """Writes NAME.h5, NAME_float.tflite and NAME_int8.tflite; of `kws`, kws_hybrid.tflite too."""
    import tensorflow as tf

    model = _network(name)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
        model.save(folder / f"{name}.h5")
    traced = tf.function(model).get_concrete_function(tf.TensorSpec(model.input_shape, tf.float32))

    def convert(kind: str, **settings: object) -> None:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], model)
        converter.experimental_lower_to_saved_model = False  # which takes most of the time
        for setting, value in settings.items():
            setattr(converter, setting, value)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected")
            (folder / f"{name}_{kind}.tflite").write_bytes(converter.convert())

    convert("float")
    smaller = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    if name == "kws":
        convert("hybrid", **smaller)
    convert(
        "int8",
        representative_dataset=lambda: _samples(name),
        target_spec=tf.lite.TargetSpec(supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8]),
        inference_input_type=tf.int8,
        inference_output_type=tf.int8,
        _experimental_disable_per_channel_quantization_for_dense_layers=True,
        **smaller,
    )


def _samples(name: str) -> Iterator[list[np.ndarray]]:
    return ([sample[None]] for sample in inputs_for(name, _CALIBRATION_SAMPLES))


def _network(name: str):
    import tf_keras

    tf_keras.utils.set_random_seed(sum(name.encode()))
    build: Callable = {"ad": _autoencoder, "ic": _resnet, "kws": _ds_cnn, "vww": _mobilenet}[name]
    model = build(tf_keras.layers)
    _give_statistics(model, name)
    return model


def _autoencoder(layers):
    x = inputs = layers.Input((640,))
    for width in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(width)(x)))
    return _model(inputs, layers.Dense(640, bias_initializer="normal")(x))


def _resnet(layers):
    inputs = layers.Input((32, 32, 3))
    x = layers.ReLU()(_normalized(layers, layers.Conv2D(16, 3, padding="same"), inputs))
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        first = layers.Conv2D(channels, 3, strides=stride, padding="same")
        y = layers.ReLU()(_normalized(layers, first, x))
        y = _normalized(layers, layers.Conv2D(channels, 3, padding="same"), y)
        if stride > 1:
            x = layers.Conv2D(channels, 1, strides=stride, padding="same")(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    return _model(inputs, _classes(layers, layers.AveragePooling2D(8)(x), 10))


def _ds_cnn(layers):
    inputs = layers.Input((49, 10, 1))
    first = layers.Conv2D(64, (10, 4), strides=2, padding="same")
    x = layers.Dropout(0.2)(layers.ReLU()(_normalized(layers, first, inputs)))
    for _ in range(4):
        x = _separable(layers, x, 64)
    x = layers.AveragePooling2D((25, 5))(layers.Dropout(0.4)(x))
    return _model(inputs, _classes(layers, x, 12))


def _mobilenet(layers):
    inputs = layers.Input((96, 96, 3))
    first = layers.Conv2D(8, 3, strides=2, padding="same")
    x = layers.ReLU()(_normalized(layers, first, inputs))
    for channels, stride in (
        (16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2),
        *[(128, 1)] * 5, (256, 2), (256, 1),
    ):  # fmt: skip
        x = _separable(layers, x, channels, stride)
    return _model(inputs, _classes(layers, layers.AveragePooling2D(3)(x), 2))


def _separable(layers, x, channels, stride=1):
    depthwise = layers.DepthwiseConv2D(3, strides=stride, padding="same")
    x = layers.ReLU()(_normalized(layers, depthwise, x))
    pointwise = layers.Conv2D(channels, 1, padding="same")
    return layers.ReLU()(_normalized(layers, pointwise, x))


def _normalized(layers, layer, x):
    return layers.BatchNormalization()(layer(x))


def _classes(layers, x, count):
    dense = layers.Dense(count, activation="softmax", bias_initializer="normal")
    return dense(layers.Flatten()(x))


def _model(inputs, outputs):
    import tf_keras

    return tf_keras.Model(inputs, outputs)


def _give_statistics(model, name: str) -> None:
    """Scales and shifts as if trained, and the statistics of one batch."""
    rng = np.random.default_rng(sum(name.encode()))
    norms = [layer for layer in model.layers if "batch_normalization" in layer.name]
    for layer in norms:
        layer.gamma.assign(rng.uniform(0.5, 1.5, layer.gamma.shape))
        layer.beta.assign(rng.normal(0, 0.4, layer.beta.shape))
        layer.momentum = 0.0
    model(inputs_for(name, _CALIBRATION_SAMPLES), training=True)
    if name == "vww":
        for layer in norms[-_DYING_LAYERS:]:
            dead = rng.random(layer.gamma.shape) < _DEAD_SHARE
            layer.gamma.assign(np.where(dead, _DEAD_SCALE, layer.gamma))
