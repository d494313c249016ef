"""Networks of the kinds that run on microcontrollers, beyond MLPerf Tiny's: int8, from seeds.

Weights are Keras' initial ones and batch-norms have statistics of noise, so that activations
neither vanish nor saturate: what a layer takes does not depend on what it has learnt.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.atomic_writing import write_atomically

_CALIBRATION_SAMPLES = 8


def network_file(name: str, folder: Path) -> Path:
    """The .tflite file of a network of `NETWORKS` in `folder`; converted if it is not there."""
    path = folder / f"{name}_int8.tflite"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, _converted(name))
    return path


def _converted(name: str) -> bytes:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    import tfedge

    keras.utils.set_random_seed(sum(name.encode()))
    model = NETWORKS[name](keras)
    data = np.random.default_rng(0).normal(size=(_CALIBRATION_SAMPLES, *model.input_shape[1:]))
    data = data.astype(np.float32)
    _give_statistics(keras, model, data)
    artifact = tfedge.convert(
        model, target="tflite", calibration=data, input_type="int8", output_type="int8"
    )
    return artifact.flatbuffer


def _give_statistics(keras: Any, model: Any, data: np.ndarray) -> None:
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    if norms:
        model(data, training=True)


def mobilenet_v2(keras: Any) -> Any:
    """MobileNetV2 of a width of 0.35 for images of 96x96x3."""
    return keras.applications.MobileNetV2((96, 96, 3), alpha=0.35, weights=None, classes=10)


def efficientnet_lite(keras: Any) -> Any:
    """Blocks of EfficientNet-lite (no gates, ReLU6; kernels of 3 and of 5) for 64x64x3."""
    inputs = keras.layers.Input((64, 64, 3))
    x = _convolved(keras, inputs, 16, 3, 2)
    for channels, expansion, kernel, stride in (
        (8, 1, 3, 1), (16, 6, 3, 2), (16, 6, 3, 1), (24, 6, 5, 2), (24, 6, 5, 1), (40, 6, 5, 2),
    ):  # fmt: skip
        y = x if expansion == 1 else _convolved(keras, x, expansion * x.shape[-1], 1)
        y = keras.layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False)(y)
        y = _activated(keras, y)
        y = keras.layers.Conv2D(channels, 1, use_bias=False)(y)
        y = keras.layers.BatchNormalization()(y)
        x = keras.layers.Add()([x, y]) if x.shape == y.shape else y
    x = _convolved(keras, x, 128, 1)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))


def resnet_20(keras: Any) -> Any:
    """ResNet-20 of CIFAR-10: 32x32x3, 16 to 64 channels."""
    inputs = keras.layers.Input((32, 32, 3))
    x = _convolved(keras, inputs, 16, 3)
    for channels, stride in ((16, 1), (16, 1), (16, 1), (32, 2), (32, 1), (32, 1),
                             (64, 2), (64, 1), (64, 1)):  # fmt: skip
        y = _convolved(keras, x, channels, 3, stride)
        y = keras.layers.Conv2D(channels, 3, padding="same", use_bias=False)(y)
        y = keras.layers.BatchNormalization()(y)
        if x.shape != y.shape:
            x = keras.layers.Conv2D(channels, 1, stride, use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.Add()([x, y]))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))


def unet(keras: Any) -> Any:
    """A U-Net of two levels for 48x48x1: one transposed convolution, one resizing."""
    inputs = keras.layers.Input((48, 48, 1))
    high = _convolved(keras, inputs, 8, 3)
    middle = _convolved(keras, keras.layers.MaxPooling2D()(high), 16, 3)
    low = _convolved(keras, keras.layers.MaxPooling2D()(middle), 32, 3)
    x = keras.layers.Conv2DTranspose(16, 2, 2, "same")(low)
    x = _convolved(keras, keras.layers.Concatenate()([middle, x]), 16, 3)
    x = keras.layers.UpSampling2D(interpolation="bilinear")(x)
    x = _convolved(keras, keras.layers.Concatenate()([high, x]), 8, 3)
    return keras.Model(inputs, keras.layers.Conv2D(1, 1, activation="sigmoid")(x))


def tcn(keras: Any) -> Any:
    """A temporal network: residual blocks of causal convolutions, dilated by 1 to 8; 128x8."""
    inputs = keras.layers.Input((128, 8))
    x = keras.layers.Conv1D(24, 1)(inputs)
    for dilation in (1, 2, 4, 8):
        y = x
        for _ in range(2):
            y = keras.layers.Conv1D(
                24, 3, padding="causal", dilation_rate=dilation, activation="relu"
            )(y)
        x = keras.layers.Add()([x, y])
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, keras.layers.Dense(6, activation="softmax")(x))


def recurrent(keras: Any) -> Any:
    """An LSTM, a GRU and a dense layer over 32 steps of 16 features."""
    inputs = keras.layers.Input((32, 16))
    x = keras.layers.LSTM(32, return_sequences=True)(inputs)
    x = keras.layers.GRU(24)(x)
    return keras.Model(inputs, keras.layers.Dense(8, activation="softmax")(x))


NETWORKS: Mapping[str, Callable[[Any], Any]] = {
    "mobilenet_v2": mobilenet_v2,
    "efficientnet_lite": efficientnet_lite,
    "resnet_20": resnet_20,
    "unet": unet,
    "tcn": tcn,
    "recurrent": recurrent,
}


def _convolved(keras: Any, x: Any, channels: int, kernel: int, stride: int = 1) -> Any:
    layer = keras.layers.Conv2D(channels, kernel, stride, "same", use_bias=False)
    return _activated(keras, layer(x))


def _activated(keras: Any, x: Any) -> Any:
    return keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(x))
