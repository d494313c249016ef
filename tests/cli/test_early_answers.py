"""What can be known before a model is opened is said before TensorFlow and Keras are imported."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hostile.bases import float_twin
from random_graphs import random_model

import tfedge
from tfedge.errors import ModelFileError, TfedgeError
from tfedge_converters.cli import main
from tfedge_converters.graph import write_model
from tfedge_converters.metrics import metric_function

_SCRIPT = """\
import sys
from tfedge_converters.cli import main
from tfedge_converters.graph import write_model
from tfedge_converters.metrics import metric_function

for arguments in ARGUMENTS:
    status = main(arguments)
    assert status == 2, (status, arguments)
    loaded = {"tensorflow", "keras", "tf_keras"} & set(sys.modules)
    assert not loaded, (loaded, arguments)
"""

# A model file that nothing but Keras could open, and then slowly; it need not be a good one.
_MISTAKES = [
    (["convert", "none.keras", "--output", "o"], "none.keras: there is no such file"),
    (["convert", "x.h5", "--output", "o", "--calibration", "n.npz"], "n.npz: cannot be read"),
    (["convert", "x.h5", "--output", "o", "--calibration", "x.h5"], "x.h5: cannot be read as an"),
    (["convert", "x.h5", "--output", "o", "--evaluation", "n.npz"], "n.npz: cannot be read"),
    (["convert", "x.h5", "--output", "o", "--name", "7up"], "cannot prefix C symbols"),
    (["convert", "x.h5", "--output", "x.h5/o"], "x.h5/o: cannot be written: Not a directory"),
    (["convert", "x.h5", "--output", "o", "--target", "m4"], "there is no target 'm4'"),
    (["convert", "x.h5", "--output", "o", "--quantization", "int7"], "int7"),
    (["convert", "x.h5", "--output", "o", "--calibration-method", "max"], "no calibration method"),
    (["convert", "x.h5", "--output", "o", "--recovery", "magic"], "magic"),
    (["convert", "x.h5", "--output", "o", "--recovery", "adaround"], "representative data: give"),
    (["calibrate", "x.h5", "--data", "n.npz", "--output", "o"], "n.npz: cannot be read"),
    (["diagnose", "x.h5", "--calibration", "n.npz"], "n.npz: cannot be read"),
    (["search", "x.h5", "--calibration", "n.npz"], "n.npz: cannot be read"),
    (["convert", "x.h5", "--output", " "], "the path to write to is empty; '.' is the current"),
    (["convert", "x.h5", "--output", ""], "the argument behind '--output' is empty; a variable"),
    (["convert", "", "--output", "o"], "the argument behind 'convert' is empty; a variable"),
    (["convert", "x.h5", "--output="], "the argument '--output=' is empty; a variable"),
    (["calibrate", "x.h5", "--data", "", "--output", "o"], "the argument behind '--data' is empty"),
    (["calibrate", "x.h5", "--data", "n.npz", "--output", "."], "it is a folder; name a file"),
    (["search", "x.h5", "--calibration", "n.npz", "--output", " "], "the path to write to is"),
    (["diagnose", "x.h5", "--calibration", "n.npz", "--output", " "], "the path to write to is"),
    (["check", "x.h5", "--html", " "], "the path to write to is empty"),
    (["check", "x.h5", "--rewrite", "none/of/x.h5/o", "--html", "x.h5/o"], "x.h5: cannot be"),
    (["check", "x.h5", "--compile", "x.h5"], "x.h5: cannot be written: Not a directory"),
    (["check", "x.h5", "--tpus", "0"], "tpus has to be above 0, not 0"),
    (["check", "x.h5", "--seconds", "-1"], "seconds has to be above 0, not -1"),
    (["check", "x.h5", "--compile", "o"], "names 'none', which is no program"),
    (["check", "x.h5", "--compiled", "none.tflite"], "none.tflite: cannot be read"),
    (["check", "x.h5", "--input-shape", "4,0"], "--input-shape 4,0: give sizes with commas"),
    (["diagnose", "x.h5", "--calibration", "n.npz", "--samples", "0"], "samples has to be above 0"),
    (["diagnose", "x.h5", "--calibration", "n.npz", "--recovery", "magic"], "magic"),
    (["search", "x.h5", "--calibration", "n.npz", "--flash", "-1"], "flash has to be above 0"),
    (["convert", "x.h5", "--output", "o", "--min-snr", "nan"], "min_snr is a number of dB"),
    (["convert", "x.h5", "--output", "o", "--calibration-method", "percentile:200"], "not 200"),
    (["convert", "x.h5", "--output", "o", "--quantization", "weights8"], "no kernels that read"),
    (
        [
            "convert",
            "x.h5",
            "--output",
            "o",
            "--quantization",
            "float16",
            "--target",
            "tflite",
            "--input-type",
            "int8",
        ],
        "inputs and outputs are float32",
    ),
    (["convert", "x.h5", "--output", "o", "--calibration", "complex.npz"], "not of real numbers"),
    (["convert", "x.h5", "--output", "o", "--evaluation", "good.npz"], "good.npz: holds no labels"),
    (["convert", "x.h5", "--output", "o", "--calibration", "empty.npz"], "its shape is (0, 4)"),
    (
        ["convert", "x.h5", "--output=o", "--quantization=dynamic", "--recovery=adaround"],
        "they stay real: leave recovery out",
    ),
    (["convert", "x.h5", "--output", "nowhere/o"], "nowhere/o: cannot be written: Not a directory"),
    (["convert", "pipe", "--output", "o"], "pipe: cannot be read: it is no file"),
    (["calibrate", "x.h5", "--data", "objects.npz", "--output", "o"], "of object, not of real"),
    (["calibrate", "x.h5", "--data", "good.npz", "--output", "good.npz"], "would replace it"),
    (["calibrate", "x.h5", "--data", "good.npz", "--output", "/dev/null"], "it is no regular file"),
    (["diagnose", "x.h5", "--calibration", "notes.npz"], "'notes.txt' is no array"),
    (["diagnose", "x.h5", "--calibration", "none_at_all.npz"], "none_at_all.npz: holds no arrays"),
    (["search", "x.h5", "--calibration", "good.npz", "--output", "x.h5"], "would replace it"),
    (["check", "x.h5", "--rewrite", "./x.h5"], "./x.h5: what is made of it would replace it"),
    (["check", "x.h5", "--html", "pipe"], "pipe: cannot be written: it is no regular file"),
    (["check", "x.h5", "--rewrite", "a.html", "--html", "a"], "--html and --rewrite name one file"),
    (
        ["convert", "x.h5", "--output=o", "--input-type=int16"],
        "not 'int16', with the scheme 'int8'",
    ),
    (["convert", "x.keras", "--output=o", "--output-type=int16"], "not 'int16', with the scheme"),
    (
        ["convert", "trained.keras", "--output=o", "--quantization=int8", "--input-type=int16"],
        "not 'int16', with the scheme 'int8'",
    ),
    (
        ["convert", "x.h5", "--output=o", "--quantization=int16x8", "--input-type=uint8"],
        "can be int16 or float32, not 'uint8'",
    ),
    (
        ["convert", "x.h5", "--output=o", "--metric=accuracie", "--evaluation=labelled.npz"],
        "there is no metric 'accuracie'",
    ),
    (
        ["convert", "x.h5", "--output=o", "--metric=mse_", "--evaluation=labelled.npz"],
        "did you mean 'mse'?",
    ),
    (
        ["convert", "x.h5", "--output=o", "--metric=MeanIoU", "--evaluation=labelled.npz"],
        "'MeanIoU' of Keras needs settings",
    ),
    (
        ["convert", "x.h5", "--output=o", "--calibration=seen.npz", "--calibration-method=mse"],
        "the calibration is by minmax, not mse",
    ),
    (["convert", "x.h5", "--output=o", "--metric=mse"], "--metric is of --evaluation, which is"),
    (["convert", "x.h5", "--output=o", "--max-loss=0.1"], "--max-loss is of --evaluation, which"),
    (["check", "x.h5", "--target=ethos-u55-128", "--tpus=2"], "--tpus is for the Edge TPU, and"),
    (["check", "x.h5", "--target=ethos-u55-128", "--compile=o"], "--compile is for the Edge TPU"),
    (["check", "x.h5", "--target=ethos-u55-128", "--compiled=x.h5"], "--compiled is for the Edge"),
    (["profile", "none"], "none: there is no such file or folder"),
    (["convert", "x.h5", "--output=o", "--compiler-option=x=1"], "'host' has no compiler"),
    (["calibrate", "x.h5", "--data=seen.npz", "--output=o"], "the samples themselves are needed"),
    (["diagnose", "x.h5", "--calibration=seen.npz"], "the samples themselves are needed"),
    (["search", "x.h5", "--calibration=seen.npz"], "the samples themselves are needed"),
    (
        ["search", "x.h5", "--calibration=good.npz", "--target=tflite", "--ram=9"],
        "there is none for the target 'tflite'",
    ),
    (["flash", "none", "--board=nano33ble", "--tool=gdb"], "use that of the project"),
    (["verify", "x.h5"], "x.h5: an HDF5 file; verify compares what was converted"),
    (["verify", "x.tflite", "--engine", "gpu"], "there is no engine 'gpu'"),
    (["verify", "x.tflite", "--samples", "0"], "at least 1 sample is needed"),
    (["profile", "x.h5"], "profile needs a target"),
    (["profile", "x.h5", "--target", "edgetpu"], "edgetpu does not run generated C"),
    (["profile", "x.h5", "--target", "cortex-m4", "--calibration", "n.npz"], "n.npz: cannot be"),
    (["run", "x.h5", "--board", "mps2-an386"], "x.h5: is no folder"),
    (["run", "none", "--board", "uno"], "there is no board 'uno'"),
    (["flash", "none", "--board", "uno"], "there is no board 'uno'"),
    (["link", "none", "--output", "o"], "none: there is no such folder"),
    (["targets", "m4"], "there is no target 'm4'"),
]

# Vela itself says so, for no model; without it, that it is missing is all that there is to say.
_MISTAKES_OF_VELA = [
    (["no-such=1"], "unrecognized arguments: --no-such"),
    (["memory-mode=None"], "--memory-mode=None"),
    (["optimise=Much"], "Vela does not take these options, optimise=Much"),
    (["arena-cache-size=-1"], "arena_cache_size=-1"),
    (["optimise=Size", "version"], "version=True: with them it prints something and ends"),
    (["output-dir=o"], "option output_dir is not to choose"),
]
if importlib.util.find_spec("ethosu") is not None:
    _MISTAKES += [
        (
            ["convert", "x.h5", "--output=o", "--target=ethos-u55-128"]
            + [f"--compiler-option={option}" for option in options],
            message,
        )
        for options, message in _MISTAKES_OF_VELA
    ]


def test_mistakes_are_answered_without_tensorflow(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "x.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    np.savez(tmp_path / "good.npz", x=np.zeros((2, 4), np.float32))
    np.savez(tmp_path / "labelled.npz", x=np.zeros((2, 4), np.float32), y=np.zeros(2))
    np.savez(tmp_path / "complex.npz", x=np.zeros((2, 4), np.complex64))
    np.savez(tmp_path / "empty.npz", x=np.zeros((0, 4), np.float32))
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object))
    np.savez(tmp_path / "none_at_all.npz")
    _write_archive(tmp_path / "x.keras", {})
    _write_archive(tmp_path / "trained.keras", {"module": "tfedge.quantization.quantize_layer"})
    twin = float_twin(random_model("fully_connected", 1, 1))
    samples = np.zeros((2, *twin.main.inputs[0].shape), np.float32)
    tfedge.calibrate(write_model(twin), samples).save(tmp_path / "seen.npz")
    with zipfile.ZipFile(tmp_path / "notes.npz", "w") as notes:
        notes.writestr("notes.txt", "recorded on Monday")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to("missing")
    before = sorted(tmp_path.iterdir())
    script = _SCRIPT.replace("ARGUMENTS", repr([arguments for arguments, _ in _MISTAKES]))
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "TFEDGE_EDGETPU_COMPILER": "none"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    answers = run.stderr.splitlines()
    assert len(answers) == len(_MISTAKES)
    for answer, (_, message) in zip(answers, _MISTAKES, strict=True):
        assert answer.startswith("tfedge: ")
        assert message in answer
    assert sorted(tmp_path.iterdir()) == before


def _write_archive(path, config):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"")


@pytest.mark.parametrize("quantization", [None, "int16x8"])
def test_what_training_may_have_chosen_is_not_refused(tmp_path, quantization):
    """A file with layers of tfedge may be trained for activations of 16 bits."""
    path = tmp_path / "trained.keras"
    _write_archive(path, {"registered_name": "tfedge>Quantize"})
    with pytest.raises(ModelFileError):  # of the opened archive, which holds no model
        tfedge.convert(path, quantization=quantization, input_type="int16")


def test_metrics_are_those_of_keras():
    """Names that are refused without Keras are those that Keras makes no metric of."""
    import keras
    from keras.src.metrics import ALL_OBJECTS_DICT

    script = "import sys; from tfedge_converters.metrics import check_metric as check\n" + (
        "for name in sys.argv[1:]:\n"
        "    try:\n        check(name)\n"
        "    except Exception as error:\n        print(name)\n"
        "assert 'keras' not in sys.modules"
    )
    command = [sys.executable, "-c", script, *ALL_OBJECTS_DICT, "no_such"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    makes_none = []
    for name in ALL_OBJECTS_DICT:
        try:
            keras.metrics.get(name)
        except TypeError:
            makes_none.append(name)
    assert run.stdout.split() == [*makes_none, "no_such"]
    with pytest.raises(TfedgeError, match="needs settings"):
        metric_function("MeanIoU")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert main(["convert", "x.h5", "--output", str(tmp_path / "o")]) == 2
    assert "cannot be written: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": None}, "a target is a name such as 'cortex-m4'.*not None"),
        ({"target": 4}, "not 4"),
        ({"optimize": "fast"}, "optimize='fast' is unknown; use speed, balanced, size"),
        ({"input_type": "uint4"}, "can be .*uint8, not 'uint4'"),
        ({"model": None}, "a NoneType is no model; give a Keras model"),
        ({"model": np.zeros(3)}, "a ndarray is no model"),
    ],
)
def test_wrong_types_of_arguments(arguments, message):
    given = {"model": b"....TFL3", **arguments}
    with pytest.raises(TfedgeError, match=message):
        tfedge.convert(given.pop("model"), **given)


def test_whole_arrays_with_their_labels_are_representative_data():
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    x = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    right = tfedge.convert(model, calibration=x, target="tflite").flatbuffer
    for labels in (np.zeros(9, np.int64), np.zeros((9, 3), np.float32)):
        assert tfedge.convert(model, calibration=(x, labels), target="tflite").flatbuffer == right
