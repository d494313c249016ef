"""Converts and verifies a .tflite file where neither Keras nor TensorFlow is installed.

Usage: python without_training.py; tfedge and NumPy are all that it needs.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from random_graphs import random_model

import tfedge
from tfedge_converters.cli import main
from tfedge_converters.graph import write_file


def check(folder: Path) -> None:
    """Takes a model to a device's C, by Python and on the command line."""
    assert not any(map(find_spec, ("keras", "tensorflow", "tf_keras"))), "this is another test"
    model, built = folder / "net.tflite", folder / "built"
    write_file(random_model("conv_2d", 1, 3), model)
    assert main(["convert", str(model), "--target", "cortex-m4", "--output", str(built)]) == 0
    assert main(["verify", str(built), "--samples", "5"]) == 0
    verification = tfedge.verify(tfedge.convert(str(model)), samples=5)
    assert verification.passed, verification
    try:
        tfedge.quantize  # noqa: B018
    except tfedge.MissingToolError as error:
        print(error)
    else:
        raise AssertionError("there is no Keras to quantise a model of")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        check(Path(name))
    sys.exit(0)
