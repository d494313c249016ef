"""`tfedge.calibrate`, and what it saves as calibration of `tfedge.convert`."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.cli import main

DATA = np.random.default_rng(0).normal(size=(30, 6, 6, 2)).astype(np.float32)


def net(seed=1):
    """Built anew, layers have other names: that must not matter."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )


def test_a_calibration_gives_what_its_data_give_in_another_session(tmp_path):
    path = tmp_path / "seen.npz"
    tfedge.calibrate(net(), DATA[:20], method="percentile").save(path)
    tfedge.calibrate(net(), DATA[20:], resume=path).save(path)
    expected = tfedge.convert(
        net(), target="tflite", calibration=DATA, calibration_method="percentile", name="n"
    )
    for calibration in (path, str(path), tfedge.Calibration.load(path)):
        artifact = tfedge.convert(net(), target="tflite", calibration=calibration, name="n")
        grids = [
            [t.quantization.scale for t in item.model.main.tensors() if t.quantization]
            for item in (artifact, expected)
        ]
        assert all(np.array_equal(*pair) for pair in zip(*grids, strict=True))


def test_methods_reach_the_file():
    model = net()
    scales = {
        name: tfedge.convert(model, target="tflite", calibration=DATA, calibration_method=name)
        .model.main.inputs[0]
        .quantization.scale[0]
        for name in ("minmax", "percentile:95", "entropy", "moving_average")
    }
    assert len(set(scales.values())) == len(scales)
    assert max(scales, key=scales.get) == "minmax"


def test_mistakes_are_told(tmp_path):
    seen = tfedge.calibrate(net(), DATA)
    with pytest.raises(TfedgeError, match="another model"):
        tfedge.convert(net(seed=2), calibration=seen)
    with pytest.raises(TfedgeError, match="by minmax, not mse"):
        tfedge.convert(net(), calibration=seen, calibration_method="mse")
    with pytest.raises(TfedgeError, match="by minmax, not mse"):
        tfedge.calibrate(net(), DATA, resume=seen, method="mse")
    with pytest.raises(TfedgeError, match="for 'int8', not 'int16x8'"):
        tfedge.calibrate(net(), DATA, resume=seen, quantization="int16x8")


def test_the_command_line(tmp_path, capsys):
    net().save(tmp_path / "net.keras")
    np.savez(tmp_path / "x.npz", DATA)
    model, data, seen = (str(tmp_path / name) for name in ("net.keras", "x.npz", "seen.npz"))
    assert main(["calibrate", model, "--data", data, "--method", "mse", "--output", seen]) == 0
    assert "30 samples in" in capsys.readouterr().out
    assert main(["calibrate", model, "--data", data, "--resume", seen, "--output", seen]) == 0
    assert capsys.readouterr().out.startswith("60 samples")
    outputs = {}
    for name, options in {
        "a": ["--calibration", seen],
        "b": ["--calibration", data, "--calibration-method", "mse"],
    }.items():
        folder = tmp_path / name
        arguments = ["convert", model, "--target", "tflite", "--output", str(folder), *options]
        assert main(arguments) == 0
        outputs[name] = (folder / "net.tflite").read_bytes()
    assert outputs["a"] == outputs["b"]
    capsys.readouterr()
    assert main(["calibrate", model, "--data", model, "--output", seen]) == 2
    assert capsys.readouterr().err.count("\n") == 1
