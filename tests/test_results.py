"""Results show themselves as text, as one line and as markup, whatever names are in them."""

from __future__ import annotations

import sys

import keras
import numpy as np
import pytest
from keras import layers

import tfedge
from tfedge_converters.cli import main
from tfedge_converters.export import export_keras
from tfedge_converters.graph import read_model, write_model

SAMPLES = np.random.default_rng(1).normal(size=(8, 6, 6, 2)).astype(np.float32)
HOSTILE = "<img src=x onerror=alert(1)>&[red]\x1b[2J\u202e"
ESCAPED = "&lt;img src=x onerror=alert(1)&gt;&amp;[red]?[2J?"
# What a person looks for in each.
WORDS = {
    "artifact": ("net for cortex-m4", "MACs; arena", "signal to noise", "CONV_2D"),
    "verification": ("the truth is TFLite Micro", "differing elements", "generated C equals"),
    "diagnosis": ("dB here", "of the noise comes from", "CONV_2D"),
    "check": ("operators are mapped to the Edge TPU", "Status"),
    "search": ("bits", "predicted", "flash bytes"),
    "calibration": ("8 samples seen by minmax for int8",),
    "quality": ("signal to noise of",),
    "evaluation": ("accuracy: ", "8 samples, run by"),
    "comparison": ("before → after", "parameters", "RAM"),
    "cost": ("MACs", "RAM"),
}
NAMED = ("artifact", "diagnosis", "search")


def keras_model() -> keras.Model:
    inputs = [keras.Input((6, 6, 2), batch_size=1), layers.Conv2D(3, 3), layers.Flatten()]
    return keras.Sequential([*inputs, layers.Dense(2), layers.Softmax()])


@pytest.fixture(scope="module")
def float_model() -> bytes:
    model = read_model(export_keras(keras_model()))
    model.main.operators[0].outputs[0].name = HOSTILE
    return write_model(model)


@pytest.fixture(scope="module")
def results(float_model):
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    given = {"calibration": SAMPLES, "samples": 2}
    labels = np.zeros(8, int)
    artifact = tfedge.convert(
        float_model, target="cortex-m4", calibration=SAMPLES, name="net",
        evaluation_data=(SAMPLES, labels),
    )  # fmt: skip
    cost = tfedge.pruning.cost_of(keras_model())
    return {
        "artifact": artifact,
        "verification": tfedge.verify(artifact, samples=2, engines=["litert", "c"]),
        "diagnosis": tfedge.diagnose(float_model, **given),
        "check": tfedge.check(artifact),
        "search": tfedge.search_widths(float_model, bits=(8, 4), **given),
        "calibration": tfedge.calibrate(float_model, SAMPLES),
        "quality": artifact.quality,
        "evaluation": artifact.evaluation,
        "cost": cost,
        "comparison": tfedge.pruning.Comparison(cost, cost),
    }


@pytest.mark.parametrize("name", WORDS)
def test_a_result_shows_itself(results, name):
    result = results[name]
    text, line, page = str(result), repr(result), result._repr_html_()
    for word in WORDS[name]:
        assert word in text and word in page
    assert "\n" not in line and line.startswith(f"<{type(result).__name__} ") and len(line) < 200
    assert max(map(len, text.splitlines())) < 200
    for shown in (text, line, page):
        assert not {"\x1b", "\u202e"} & set(shown)
    assert "<img" not in page and "<object at" not in text
    if name in NAMED:
        assert ESCAPED in page
        assert "[red]" in text


def test_the_command_line_prints_the_same(results, float_model, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    path = tmp_path / "net.tflite"
    path.write_bytes(results["artifact"].flatbuffer)
    main(["verify", str(path), "--samples", "2", "--engine", "litert", "--engine", "c"])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines == [line for line in str(results["verification"]).splitlines() if line.strip()]


def test_without_matplotlib_there_are_tables(results, tmp_path, monkeypatch, caplog):
    drawn = [name for name in sys.modules if name.split(".")[0] == "matplotlib"]
    for name in {"matplotlib", *drawn}:
        monkeypatch.setitem(sys.modules, name, None)
    names = {path.name for path in results["diagnosis"].save(tmp_path)}
    assert names == {"layers.csv", "channels.csv", "diagnosis.json"}
    assert "pip install 'tfedge[figures]'" in caplog.text
