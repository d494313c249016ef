"""Samples of the sweeps over layers, models and files, and that these notice what is wrong.

A sweep starts processes, so it has one of its own in which TensorFlow has not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hostile.format_trials import FormatTrials
from hostile.formats import FORMATS, Format
from hostile.formats.format import BadEndError, command
from hostile.roads import DisguisedError
from keras import layers
from keras_layers.configurations import Configuration
from keras_layers.models import example
from keras_layers.roads import ROADS
from outcomes import REFUSED, RIGHT, TRACEBACK, WARNED, WRONG, without_names

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.execute.errors import ExecutionError

SWEEPS = Path(__file__).parent / "sweeps"
SHAPE = (2, 6)


@pytest.mark.parametrize(
    "name, count, least_right", [("keras_layer_tests", 12, 16), ("random_models", 30, 24)]
)
def test_nothing_in_a_sample_is_wrong(name, count, least_right):
    """`make sweep` takes all of them with SWEEP=keras_layer_tests, or as many as asked for."""
    ran = subprocess.run(
        [sys.executable, SWEEPS / f"{name}.py", "--seed", "1", "--count", str(count)],
        capture_output=True, text=True, env=_environment(), check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr[-2000:]
    assert sum(map(int, re.findall(r"(\d+) right\b", ran.stdout))) >= least_right, ran.stdout


_OF_DATA = (
    "arrays", "calibrations", "schemes", "targets", "plans", "compiler_logs", "compiled", "written"
)  # fmt: skip
_OF_KERAS = ("caches", "keras", "trained")


@pytest.mark.parametrize("formats, count", [(_OF_DATA, 12), (_OF_KERAS, 11)], ids=["data", "keras"])
def test_a_sample_of_damaged_files_is_refused_in_words(formats, count):
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    ran = subprocess.run(
        [sys.executable, SWEEPS / "hostile_files.py", "--count", str(count), "--workers", "1",
         *(f"--format={format}" for format in formats)],
        capture_output=True, text=True, env=_environment(), check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr[-2000:]
    for format in formats:
        assert f"{format}: {count} files" in ran.stdout
    for end in ("done", "refused"):
        found = re.findall(rf"^ *(\d+)  .*: {end}$", ran.stdout, re.MULTILINE)
        assert sum(map(int, found)) >= 5, ran.stdout


def _leaves_a_temporary_file(place):
    tempfile.mkstemp()


def _leaves_half_of_what_it_writes(place):
    place.output.mkdir()
    (place.output / "half").touch()
    raise TfedgeError("the disk is full")


def _ends_in_several_lines(place):
    raise ExecutionError("one line\nand another")


def _has_no_memory(place):
    try:
        raise MemoryError
    except MemoryError as error:
        raise TfedgeError("there is no memory") from error


def _has_a_bug(place):
    raise KeyError("x")


@pytest.mark.parametrize(
    ("road", "kind", "words"),
    [
        (_leaves_a_temporary_file, BadEndError, "left behind: tmp"),
        (_leaves_half_of_what_it_writes, BadEndError, "left behind: half"),
        (_ends_in_several_lines, BadEndError, "no sentence of one line"),
        (_has_no_memory, DisguisedError, "MemoryError behind"),
        (_has_a_bug, KeyError, "x"),
        (lambda place: command("no-such-command"), BadEndError, r"status SystemExit\(2\)"),
    ],
)
def test_whatever_else_a_damaged_file_leads_to_is_noticed(road, kind, words, tmp_path, monkeypatch):
    one = Format(lambda folder: None, lambda sound, folder, rng: folder, {"road": road})
    monkeypatch.setitem(FORMATS, "one", one)
    with pytest.raises(kind, match=words):
        FormatTrials("one", 1, tmp_path).take(0, lambda stage: None)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.mark.parametrize("road", ROADS)
def test_another_model_is_noticed(road, monkeypatch):
    right = example(Configuration(layers.ReLU, {}, SHAPE), seed=1)
    other = example(Configuration(layers.ReLU, {"negative_slope": 0.5}, SHAPE), seed=1)
    assert ROADS[road](right).result == RIGHT
    _in_place_of(right.model, other.model, monkeypatch)
    assert ROADS[road](right).result == WRONG


@pytest.mark.parametrize("road", ROADS)
def test_another_shape_is_noticed(road, monkeypatch):
    right = example(Configuration(layers.ReLU, {}, SHAPE), seed=1)
    other = example(Configuration(layers.RepeatVector, {"n": 2}, SHAPE), seed=1)
    _in_place_of(right.model, other.model, monkeypatch)
    outcome = ROADS[road](right)
    assert outcome.result == WRONG
    assert "shape" in outcome.message


def test_noise_is_wrong_unless_there_is_a_warning(monkeypatch):
    noisy = example(Configuration(layers.ReLU, {}, SHAPE), seed=1)
    noisy.least_signal_to_noise = 99.0
    warned = ROADS["conversion"](noisy)
    assert warned.result == WARNED
    assert "99 dB are asked for" in warned.message
    assert not warned.is_fault
    real = tfedge.convert
    monkeypatch.setattr(
        tfedge, "convert", lambda *given, **options: real(*given, **{**options, "min_snr": 0.0})
    )
    assert ROADS["conversion"](noisy).result == WRONG


def _in_place_of(model, other, monkeypatch):
    """Lets tfedge change another model than the one that it is given."""
    for name in ("quantize", "convert"):
        real = getattr(tfedge, name)

        def wrong(given, *arguments, _real=real, **options):
            return _real(other if given is model else given, *arguments, **options)

        monkeypatch.setattr(tfedge, name, wrong)


def test_refusals_and_tracebacks_are_told_apart(monkeypatch):
    made = example(Configuration(layers.Discretization, {"bin_boundaries": [0.0]}, SHAPE), seed=1)
    assert ROADS["training"](made).result == REFUSED
    monkeypatch.setattr(tfedge, "quantize", lambda model, calibration: model.no_such_attribute)
    assert ROADS["training"](made).result == TRACEBACK


def test_refusals_are_counted_without_their_names():
    one, two = ("layer 'dense_1' has shape (3, 4)", "layer 'a' has shape (12, 4)")
    assert without_names(one) == without_names(two)
