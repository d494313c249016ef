"""Conversion leaves out channels that cannot change an output, says so, and can be told not to."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge
from tfedge_converters.cli import main
from tfedge_converters.verify.engines import run_c, run_litert, run_micro
from tfedge_converters.verify.samples import random_samples

layers = keras.layers


def mobile_net():
    """A small MobileNet whose batch-norms shut half of the later channels, as training does."""
    keras.utils.set_random_seed(5)
    x = image = keras.Input((16, 16, 3), batch_size=1, name="image")
    x = _unit(layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False), x)
    for index, filters in enumerate((12, 16, 16)):
        depthwise = layers.DepthwiseConv2D(3, padding="same", use_bias=False)
        x = _unit(depthwise, x, shut=index > 1)
        x = _unit(layers.Conv2D(filters, 1, use_bias=False), x, shut=index > 0)
    x = layers.Dense(3, name="class")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, x, name="mobile")


def _unit(layer, x, shut=False):
    norm = layers.BatchNormalization(epsilon=1e-3)
    y = norm(layer(x))
    if shut:
        norm.beta.assign(np.where(np.arange(y.shape[-1]) % 2, -40.0, 0.3))
    return layers.ReLU()(y)


@pytest.fixture(scope="module")
def whole():
    """The integer model with all channels, and its converted file."""
    x = np.random.default_rng(1).normal(size=(16, 16, 16, 3)).astype(np.float32)
    return tfedge.convert(
        mobile_net(), calibration=x, target="tflite", fold_constant_channels=False, check=False
    )


def test_convert_folds_what_cannot_change_an_output(whole):
    assert not whole.folding.changed
    assert "cannot change an output" not in whole.summary()
    folded = tfedge.convert(whole.flatbuffer, target="host", name="mobile")
    before, after = folded.folding.multiplications
    assert after < 0.8 * before
    assert sum(layer.macs for layer in folded.source.plan.layers) == after
    lost = {layer.name: layer.channels for layer in folded.folding.layers if layer.channels[1] == 8}
    assert [*lost.values()] == [(8, 8), (8, 8), (16, 8), (16, 8), (16, 8)]
    assert f"{before:,} became {after:,}" in folded.summary()
    assert folded.model.main.outputs[0].shape == whole.model.main.outputs[0].shape
    samples = random_samples(whole.model.main, 40, seed=3)
    right = run_micro(whole.flatbuffer, samples)
    for found in (run_micro(folded.flatbuffer, samples), run_c(folded.flatbuffer, samples)):
        assert all(np.array_equal(a[0], b[0]) for a, b in zip(right, found, strict=True))


def test_interpreters_that_round_otherwise_lose_what_no_rounding_brings_back(whole):
    """What a mean makes of a constant hangs on rounding: the layer before it keeps its channels."""
    folded = tfedge.convert(whole.flatbuffer, target="tflite", name="mobile")
    lost = [layer.channels for layer in folded.folding.layers if layer.channels[0] == 16]
    assert lost == [(16, 8), (16, 8), (16, 16)]
    samples = random_samples(whole.model.main, 40, seed=3)
    both = zip(
        run_litert(whole.flatbuffer, samples), run_litert(folded.flatbuffer, samples), strict=True
    )
    assert all(np.array_equal(a[0], b[0]) for a, b in both)


def test_the_command_keeps_all_channels_when_asked(whole, tmp_path, capsys):
    path = tmp_path / "mobile.tflite"
    path.write_bytes(whole.flatbuffer)
    command = ["convert", str(path), "--target", "tflite-micro", "--output"]
    assert main([*command, str(tmp_path / "kept"), "--keep-constant-channels"]) == 0
    assert (tmp_path / "kept" / "mobile.tflite").read_bytes() == whole.flatbuffer
    assert "cannot change" not in capsys.readouterr().out
    assert main([*command, str(tmp_path / "folded")]) == 0
    assert "of the multiplications cannot change an output" in capsys.readouterr().out
