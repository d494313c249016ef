"""What a .tflite file needs is there without TensorFlow; modules are there on other systems."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from tfedge_converters.export import export_keras

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = np.random.default_rng(1).normal(size=(16, 6, 6, 2)).astype(np.float32)

# Python runs this before anything else.
_REFUSING = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named '{{name}}'", name=name)

sys.meta_path.insert(0, Absent())
"""
_TRAINING = ("h5py", "keras", "matplotlib", "tensorflow", "tensorflow_model_optimization",
             "tf_keras")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A float model as .tflite and .keras files, samples, and a Python without training."""
    folder = tmp_path_factory.mktemp("absent")
    model = keras.Sequential(
        [keras.Input((6, 6, 2), batch_size=1), layers.Conv2D(3, 3), layers.Flatten(),
         layers.Dense(2), layers.Softmax()]
    )  # fmt: skip
    (folder / "net.tflite").write_bytes(export_keras(model))
    model.save(folder / "net.keras")
    np.savez(folder / "x.npz", x=SAMPLES)
    refusing = folder / "refusing"
    refusing.mkdir()
    (refusing / "sitecustomize.py").write_text(_REFUSING.format(absent=_TRAINING))
    return folder


def run(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = (folder / "refusing", ROOT, ROOT / "converters")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)


ALL_COMMANDS = (
    "convert net.tflite --target cortex-m4 --calibration x.npz --output c",
    "verify c --samples 3",
    "calibrate net.tflite --data x.npz --output seen.npz",
    "diagnose net.tflite --calibration x.npz --samples 2 --output tables",
    "check c/net.tflite --target edgetpu --html page.html",
    "targets",
)
IN_PYTHON = """
import sys
import numpy as np, tfedge
samples = np.load("x.npz")["x"]
artifact = tfedge.convert("net.tflite", calibration=samples, recovery=["bias_correction"])
artifact.save("from_python")
assert tfedge.verify("from_python", samples=3).passed
assert tfedge.search_widths("net.tflite", calibration=samples, bits=(8, 4), samples=2).layers
assert tfedge.check(artifact, target="edgetpu").all_mapped
str(artifact), artifact._repr_html_()
for call, said in (
    (lambda: tfedge.quantize, "tfedge.quantize needs keras, which is not installed"),
    (lambda: tfedge.callbacks.Pruning, "tfedge.callbacks.Pruning needs keras"),
    (lambda: tfedge.convert("net.keras", calibration=samples), "net.keras: a Keras model needs"),
):
    try:
        call()
    except tfedge.MissingToolError as error:
        assert said in str(error), error
    else:
        raise AssertionError(said)
print(sorted({"keras", "tensorflow", "matplotlib"} & set(sys.modules)))
"""


def test_a_tflite_file_is_converted_and_verified_without_tensorflow(folder):
    result = run(folder, IN_PYTHON)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "[]\n"


COMMAND_LINE = """
import sys
from tfedge_converters.cli import main
for command in sys.argv[1:-1]:
    assert main(command.split()) == 0, command
print(sorted({"keras", "tensorflow", "matplotlib"} & set(sys.modules)))
sys.stdout.flush()
sys.exit(main(sys.argv[-1].split()))
"""


def test_the_command_line_works_without_tensorflow(folder):
    result = run(folder, COMMAND_LINE, *ALL_COMMANDS, "convert net.keras --output k")
    assert result.stdout.splitlines()[-1] == "[]", result.stderr
    assert {path.suffix for path in (folder / "tables").iterdir()} == {".csv", ".json"}
    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert "net.keras: a Keras model needs" in last and "Traceback" not in result.stderr


@pytest.mark.parametrize("backend", ["jax", "nonsense"])
def test_other_backends_of_keras_that_do_not_start(folder, backend, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    absent = folder / "refusing" / "sitecustomize.py"
    absent.write_text(_REFUSING.format(absent=("jax",)))
    try:
        result = run(
            folder, COMMAND_LINE, "targets", "convert net.keras --calibration x.npz --output k"
        )
    finally:
        absent.write_text(_REFUSING.format(absent=_TRAINING))
    assert result.returncode == 2
    (said,) = (line for line in result.stderr.splitlines() if line.startswith("tfedge: "))
    assert said.startswith("tfedge: net.keras: a Keras model needs Keras on TensorFlow, and Keras")
    assert backend in said and "KERAS_BACKEND=tensorflow" in said
    assert "Traceback" not in result.stderr


# What Linux has, and Windows has not; TensorFlow has been asked for by then.
ON_WINDOWS = """
import importlib, os, pkgutil, signal, socket, sys
import keras, tensorflow, tf_keras, tensorflow_model_optimization, matplotlib.figure
import multiprocessing, tempfile, concurrent.futures
for owner, names in (
    (os, "fork register_at_fork memfd_create killpg getpgid pread setsid O_CLOEXEC O_DIRECTORY"),
    (socket, "send_fds recv_fds"),
    (signal, "SIGHUP SIGPIPE SIGPROF SIGKILL SIGALRM setitimer"),
):
    for name in names.split():
        vars(owner).pop(name, None)
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None
import tfedge, tfedge_converters
for package in (tfedge, tfedge_converters):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name != "tfedge_converters.worker.server":  # the program of a worker alone
            importlib.import_module(module.name)
from tfedge.atomic_writing import write_atomically
from pathlib import Path
write_atomically(Path("written"), "whole")
try:
    tfedge.convert("net.tflite", calibration="x.npz")
except tfedge.MissingToolError as error:
    print(error)
"""


def test_other_systems_import_everything_and_are_told_what_is_missing(folder):
    (folder / "refusing" / "sitecustomize.py").unlink()
    result = run(folder, ON_WINDOWS)
    assert result.returncode == 0, result.stderr
    assert "use WSL" in result.stdout
    assert (folder / "written").read_text() == "whole"


def test_the_documentation_names_what_pip_is_to_install(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    requirements = importlib.import_module("requirements")
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = text[text.index("dependencies = [") : text.index("[project.optional-dependencies]")]
    needed = re.findall(r'^  "(.*)",$', listed, re.M)
    names = [re.split(r"[>;]", each)[0] for each in requirements.without_training(needed)]
    assert {*needed} - {*requirements.without_training(needed)}
    assert f"pip install {' '.join(names)}\n" in (ROOT / "README.md").read_text("utf-8")
    lowest = requirements.lowest(needed)
    assert "keras==3.12" in lowest and len(lowest) == len(needed) - 1  # tflite-micro has none
