"""A small model that packages are made of."""

from __future__ import annotations

import subprocess

import pytest
from random_graphs import random_batch

import tfedge
from tfedge_converters.graph import write_model

OPERATORS = ["conv_2d", "fully_connected", "softmax"]


def run(command, folder):
    """What a command prints; a failure shows it."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """Three operators side by side, each with an input and an output of its own."""
    path = tmp_path_factory.mktemp("packages") / "three.tflite"
    path.write_bytes(write_model(random_batch(OPERATORS, 3, 1)))
    return path


@pytest.fixture(scope="session")
def converted(model_file):
    """A function that converts the model for a target, once each."""
    known = {}

    def convert(target, **options):
        key = (target, *sorted(options.items()))
        if key not in known:
            known[key] = tfedge.convert(model_file, target=target, **options)
        return known[key]

    return convert
