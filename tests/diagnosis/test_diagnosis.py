"""`tfedge.diagnose` names the layer where accuracy goes."""

from __future__ import annotations

import csv
import io
import itertools
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from rich.console import Console

import tfedge
from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import Scheme, WeightScheme
from tfedge_converters.export import export_keras
from tfedge_converters.graph import read_model, write_model
from tfedge_converters.ptq.noise import decibels, noise

SAMPLES = np.random.default_rng(1).normal(size=(24, 10, 10, 3)).astype(np.float32)
PNG = b"\x89PNG\r\n\x1a\n"


def network(spoil=None):
    """Four layers in a row, of which one can be spoilt by a large channel that nothing reads."""
    keras.utils.set_random_seed(4)
    x = image = keras.Input((10, 10, 3), batch_size=1)
    for name in ("first", "second", "third"):
        x = layers.Conv2D(8, 3, padding="same", activation="relu", name=name)(x)
    x = layers.Dense(4, name="scores")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, layers.Softmax()(x))
    if spoil:
        before, after = ("first", "second", "third")[spoil - 1 : spoil + 1]
        weights, bias = model.get_layer(before).get_weights()
        weights[..., 3] *= 400
        model.get_layer(before).set_weights([weights, bias + 1])
        weights, bias = model.get_layer(after).get_weights()
        weights[:, :, 3] = 0
        model.get_layer(after).set_weights([weights, bias])
    return export_keras(model)


@pytest.mark.parametrize(("spoil", "guilty"), [(1, "first"), (2, "second")])
def test_a_bad_layer_is_named(spoil, guilty):
    diagnosis = tfedge.diagnose(network(spoil), calibration=SAMPLES)
    assert guilty in diagnosis.worst.name
    assert diagnosis.share(diagnosis.worst) > 0.9
    assert guilty in diagnosis.verdict()
    assert "its largest output channel is" in diagnosis.verdict()
    healthy = tfedge.diagnose(network(), calibration=SAMPLES)
    assert healthy.noise < diagnosis.noise / 30
    assert "its largest" not in healthy.verdict()


def test_a_layer_with_two_bits_is_named():
    """Its weights have their usual ranges: only the noise gives it away."""
    scheme = Scheme("mixed", overrides={"second": WeightScheme(bits=2)})
    diagnosis = tfedge.diagnose(network(), calibration=SAMPLES, quantization=scheme)
    assert "second" in diagnosis.worst.name
    assert diagnosis.share(diagnosis.worst) > 0.95


def test_noise_is_that_of_the_integer_file():
    """At the output, against the file that `convert` writes."""
    flatbuffer = network()
    diagnosis = tfedge.diagnose(flatbuffer, calibration=SAMPLES, samples=24)
    # The last layer but the softmax: what its operand has is what the verdict says.
    (scores,) = (layer for layer in diagnosis.layers if layer.operator == "FULLY_CONNECTED")
    assert scores.noise == pytest.approx(diagnosis.noise)
    ranges = scores.activations
    assert ranges.low.shape == scores.weights.low.shape == (4,)
    assert (ranges.low <= ranges.high).all()


def test_files(tmp_path):
    diagnosis = tfedge.diagnose(network(), calibration=SAMPLES, samples=4)
    files = diagnosis.save(tmp_path / "out")
    assert [path.name for path in files] == [
        "channels.csv", "diagnosis.json", "layers.csv", "ranges.png", "snr.png",
    ]  # fmt: skip
    for name in ("ranges.png", "snr.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(PNG)
    rows = list(csv.DictReader((tmp_path / "out" / "layers.csv").open()))
    document = json.loads((tmp_path / "out" / "diagnosis.json").read_text())
    assert len(rows) == len(document["layers"]) == len(diagnosis.layers)
    assert float(rows[0]["snr_db"]) == pytest.approx(decibels(diagnosis.layers[0].noise))
    assert document["worst"] == diagnosis.worst.name


def test_names_are_text_and_nothing_else(tmp_path):
    """Neither rich's markup, nor matplotlib's mathematics, nor a spreadsheet's formula."""
    model = read_model(network())
    names = ["=1+1", "[red]a", "$\\frac{$", "a[link=b]", "\x1b[2J\u202e"]
    for operator, name in zip(model.main.operators, itertools.cycle(names), strict=False):
        operator.outputs[0].name = name
    diagnosis = tfedge.diagnose(write_model(model), calibration=SAMPLES, samples=2)
    diagnosis.save(tmp_path)
    with (tmp_path / "layers.csv").open() as file:
        assert {"'=1+1", "[red]a", "$\\frac{$"} <= {row["name"] for row in csv.DictReader(file)}
    console = Console(file=io.StringIO(), width=200)
    console.print(diagnosis.table())
    printed = console.file.getvalue()
    assert "[red]a" in printed and "[link=b]" in printed
    assert "\x1b" not in printed and "\u202e" not in printed


def test_the_command_line_needs_no_tensorflow(tmp_path):
    (tmp_path / "net.tflite").write_bytes(network(2))
    np.savez(tmp_path / "x.npz", x=SAMPLES)
    script = (
        "import sys\n"
        "from tfedge_converters.cli import main\n"
        "assert main(['diagnose', 'net.tflite', '--calibration', 'x.npz',\n"
        "    '--output', 'out']) == 0\n"
        "print({'tensorflow', 'keras', 'tf_keras'} & set(sys.modules))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "set()"
    assert "of the noise comes" in result.stdout.replace("\n", " ")
    assert (tmp_path / "out" / "snr.png").is_file()


def test_integer_models_are_refused():
    integer = tfedge.convert(network(), target="tflite", calibration=SAMPLES).flatbuffer
    with pytest.raises(TfedgeError, match="integers already; diagnose the float model"):
        tfedge.diagnose(integer, calibration=SAMPLES)


def test_noise_by_hand():
    """Power 1 about the mean, an error of 0.1 everywhere: 20 dB."""
    real = np.array([4.0, 6.0])
    assert noise(real, real + 0.1) == pytest.approx(0.01)
    assert decibels(0.01) == pytest.approx(20)
    assert noise(np.full(3, 2.0), np.full(3, 1.0)) == pytest.approx(0.25)
