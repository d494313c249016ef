"""Softmax over several axes is one SOFTMAX, and a logarithm of a sum of exponentials converts."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import tfedge
from tfedge.errors import UnsupportedError
from tfedge_converters.verify import verify
from tfedge_converters.verify.engines import run_c, run_litert

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")


def model_of_softmaxes() -> keras.Model:
    keras.utils.set_random_seed(1)
    x = keras.Input((3, 4, 8))
    mask = keras.Input((3, 1, 8), dtype="bool")
    attention = layers.MultiHeadAttention(2, 2, attention_axes=(1, 2))(x, x)
    spread = layers.Softmax(axis=[1, 2])(x)
    masked = layers.Softmax(axis=(-1, 1))(x, mask=mask)
    return keras.Model([x, mask], [attention, spread, masked, ops.logsumexp(x, axis=-1)])


def noise_db(actual, wanted) -> float:
    return 10 * np.log10(np.square(wanted).sum() / np.square(actual - wanted).sum())


def test_the_numbers_are_those_of_keras():
    rng = np.random.default_rng(0)
    model = model_of_softmaxes()
    samples = [[rng.normal(size=(1, 3, 4, 8)).astype("f"), rng.random((1, 3, 1, 8)) < 0.7]] * 3
    wanted = model.predict([np.concatenate(part) for part in zip(*samples, strict=True)], verbose=0)
    artifact = tfedge.convert(model, target="tflite", quantization="float32")
    assert sum(op.code == "SOFTMAX" for op in artifact.model.main.operators) == 3
    results = zip(*run_litert(artifact.flatbuffer, samples), strict=True)
    for actual, expected in zip(results, wanted, strict=True):
        np.testing.assert_allclose(np.concatenate(actual), expected, atol=1e-6)


@pytest.mark.parametrize("output", [0, 1, 3], ids=["attention", "softmax", "logsumexp"])
def test_integers_stay_close(output, caplog):
    whole = model_of_softmaxes()
    model = keras.Model(whole.inputs[0], whole.outputs[output])
    x = np.random.default_rng(0).normal(size=(30, 3, 4, 8)).astype("f")
    artifact = tfedge.convert(
        model, calibration=x, target="cortex-m4", input_type="float32", output_type="float32"
    )
    assert "self-test" not in caplog.text
    results = np.concatenate([y for (y,) in run_c(artifact.flatbuffer, [[v[None]] for v in x])])
    assert noise_db(results, model.predict(x, verbose=0)) > 30
    assert verify(artifact.flatbuffer, samples=5, engines=["c"]).passed
    for target in ("tflite", "tflite-micro"):
        assert tfedge.convert(model, calibration=x, target=target).flatbuffer


def test_what_no_interpreter_can_run_converts_for_c_and_says_so(caplog):
    """The exponentials of 1,000 like values leave the references' 32 bits, not generated C's."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(1000, activation="softmax")])
    x = np.random.default_rng(0).normal(size=(20, 8)).astype("f") / 10
    artifact = tfedge.convert(model, calibration=x, target="cortex-m4")
    assert artifact.source is not None
    assert "2 of 2 vectors of the self-test could not be made: TFLite Micro" in caplog.text
    assert "operator 1 (SOFTMAX)" in caplog.text
    with pytest.raises(UnsupportedError, match=r"operator 1 \(SOFTMAX\).*nothing is written"):
        tfedge.convert(model, calibration=x, target="tflite-micro")
