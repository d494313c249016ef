"""A hard swish behind a reshape is one operator, wherever the converter puts the reshape."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import tfedge
from tfedge_converters.export.keras_model import export_keras
from tfedge_converters.graph import read_model
from tfedge_converters.verify.engines import run_litert


def _steps_of_batch_norm(x):
    return layers.TimeDistributed(layers.BatchNormalization())(ops.expand_dims(x, -1))


def _row(x):
    return layers.Reshape((1, 6))(layers.Dense(6)(x))


@pytest.mark.parametrize("make", [_steps_of_batch_norm, _row])
def test_a_hard_swish_of_reshaped_numbers_is_an_operator(make):
    x = keras.Input((6,))
    model = keras.Model(x, ops.hard_silu(make(x)))
    data = np.random.default_rng(0).normal(0, 3, (16, 6)).astype(np.float32)
    float_file = export_keras(model)
    (found,) = run_litert(float_file, [[data[:1]]])
    np.testing.assert_allclose(found[0], model.predict(data[:1], verbose=0), rtol=1e-5, atol=1e-6)
    assert "HARD_SWISH" in {operator.code for operator in read_model(float_file).main.operators}


def test_quantised_it_has_a_range_and_is_what_was_trained():
    x = keras.Input((6,))
    data = np.random.default_rng(0).normal(0, 3, (16, 6)).astype(np.float32)
    model = keras.Model(x, ops.hard_silu(_steps_of_batch_norm(x)))
    quantized = tfedge.quantize(model, calibration=data)
    artifact = tfedge.convert(quantized)
    assert np.array_equal(artifact.predict(data), quantized.predict(data, verbose=0))


def test_what_only_looks_like_a_hard_swish_stays():
    x = keras.Input((6,))
    row = _row(x)
    model = keras.Model(x, row * (ops.relu6(row + 3.0) / 5.0))
    codes = {operator.code for operator in read_model(export_keras(model)).main.operators}
    assert "MUL" in codes and "HARD_SWISH" not in codes
