"""Branches of one dilation are dilated convolutions, as single ones are."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

import tfedge
from tfedge_converters.export.keras_model import export_keras
from tfedge_converters.graph import read_model
from tfedge_converters.verify.engines import run_litert

_IMAGES, _SEQUENCES = (9, 8, 3), (13, 4)
CASES = {
    "images": (_IMAGES, lambda: layers.Conv2D(4, 3, dilation_rate=2, padding="same")),
    "images, two rates": (_IMAGES, lambda: layers.Conv2D(4, (2, 3), dilation_rate=(3, 2))),
    "channels apart": (_IMAGES, lambda: layers.DepthwiseConv2D(3, dilation_rate=2)),
    "clamped": (_IMAGES, lambda: layers.Conv2D(4, 3, dilation_rate=3, activation="relu")),
    "sequences": (_SEQUENCES, lambda: layers.Conv1D(4, 2, dilation_rate=2, padding="same")),
    "causal": (_SEQUENCES, lambda: layers.Conv1D(4, 3, dilation_rate=4, padding="causal")),
    "valid": (_SEQUENCES, lambda: layers.Conv1D(4, 3, dilation_rate=3, use_bias=False)),
}


@pytest.mark.parametrize("case", CASES)
def test_branches_share_no_batches(case: str):
    shape, make = CASES[case]
    rng = np.random.default_rng(0)
    inputs = keras.Input(shape)
    model = keras.Model(inputs, [make()(inputs), make()(inputs)])
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    x = rng.normal(size=(1, *shape)).astype(np.float32)
    data = export_keras(model)
    codes = {operator.code for operator in read_model(data).main.operators}
    assert "BATCH_TO_SPACE_ND" not in codes and "ADD" not in codes
    (found,) = run_litert(data, [[x]])
    for one, wanted in zip(found, model.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-4, atol=1e-5)


def test_trained_branches_convert():
    inputs = keras.Input((16, 4))
    gates = [
        layers.Conv1D(4, 2, dilation_rate=2, padding="causal", activation=name)(inputs)
        for name in ("tanh", "sigmoid")
    ]
    model = keras.Model(inputs, layers.Multiply()(gates))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    x = rng.normal(size=(8, 16, 4)).astype(np.float32)
    artifact = tfedge.convert(tfedge.quantize(model, calibration=x))
    codes = [operator.code for operator in artifact.model.main.operators]
    assert codes.count("CONV_2D") == 2 and "ADD" not in codes and "BATCH_TO_SPACE_ND" not in codes
