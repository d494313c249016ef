"""Layers that are trained and converted with activations of another width than their model's."""

from __future__ import annotations

import keras
import pytest
from device_agreement import agreement, train
from keras import layers

import tfedge
from tfedge.quantization import ActivationScheme, LayerScheme, Scheme

WIDE = LayerScheme(activations=ActivationScheme(bits=16))


def _network():
    keras.utils.set_random_seed(2)
    x = keras.Input((8, 8, 3), name="image")
    y = layers.Conv2D(6, 3, activation="relu", name="first")(x)
    y = layers.MaxPooling2D(2, name="pool")(y)
    z = layers.Conv2D(6, 1, name="side")(y)
    y = layers.Concatenate(name="both")([y, z])
    y = layers.Dense(4, name="logits")(layers.GlobalAveragePooling2D(name="means")(y))
    return keras.Model(x, layers.Softmax(name="shares")(y))


HEAD = "MEAN FULLY_CONNECTED SOFTMAX"


@pytest.mark.parametrize(
    ("wide", "codes"),
    [
        ((), f"CONV_2D MAX_POOL_2D CONV_2D CONCATENATION {HEAD}"),
        (
            ("logits",),
            "CONV_2D MAX_POOL_2D CONV_2D CONCATENATION MEAN QUANTIZE FULLY_CONNECTED QUANTIZE "
            "SOFTMAX",
        ),
        (
            ("logits", "shares"),
            "CONV_2D MAX_POOL_2D CONV_2D CONCATENATION MEAN QUANTIZE FULLY_CONNECTED SOFTMAX",
        ),
        (
            ("first",),
            "QUANTIZE CONV_2D MAX_POOL_2D QUANTIZE CONV_2D QUANTIZE CONCATENATION QUANTIZE " + HEAD,
        ),
        (("image",), f"QUANTIZE CONV_2D MAX_POOL_2D CONV_2D CONCATENATION {HEAD}"),
    ],
)
def test_training_and_conversion_agree(wide, codes):
    scheme = Scheme("mixed", overrides=dict.fromkeys(wide, WIDE))
    quantized = tfedge.quantize(_network(), scheme)
    train(quantized)
    # The widths come along with the ranges: conversion needs not be told again.
    result = agreement(quantized, target="tflite-micro")
    assert " ".join(result.codes) == codes
    if "shares" not in wide:
        assert result.farthest <= 1, result.steps
