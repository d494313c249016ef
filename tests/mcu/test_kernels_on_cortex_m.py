"""Kernels with code of their own for a core: random operators in firmware against the reference."""

from __future__ import annotations

import numpy as np
import pytest
from output_comparison import assert_firmware_computes
from random_graphs import random_model, random_sample

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.graph import write_model
from tfedge_converters.verify.engines import run_micro

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

INSTANCES = 40
SAMPLES, SEQUENCE = 20, 7


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m33"])
@pytest.mark.parametrize(
    "name",
    [
        "conv_2d",
        "depthwise_conv_2d",
        "fully_connected",
        "int16_conv_2d",
        "int16_unidirectional_sequence_lstm",
        "unidirectional_sequence_lstm",
        "lstm_continued",
        "svdf",
        "svdf_int8_state",
    ],
)
@pytest.mark.parametrize("optimize", ["speed", "shared"])
def test_firmware_is_bit_exact(core, name, optimize, tmp_path):
    compare(core, name, optimize, tmp_path)


# A core that multiplies words by halves, and one of another family.
@pytest.mark.parametrize("core", ["cortex-m0", "rv32imc"])
@pytest.mark.parametrize("name", ["conv_2d", "svdf", "unidirectional_sequence_lstm"])
def test_portable_kernels_are_bit_exact(core, name, tmp_path):
    compare(core, name, "shared", tmp_path)


# Weights of 4 bits, of few values and of many zeros: read as they are stored, or restored.
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55", "rv32imc"])
@pytest.mark.parametrize("name", ["stored_conv_2d", "stored_pixels", "stored_dense"])
def test_stored_weights_are_bit_exact(core, name, tmp_path):
    compare(core, name, "shared", tmp_path)


def compare(core, name, optimize, tmp_path):
    """Runs random operators in QEMU and compares all of their outputs."""
    model = random_model(name, seed=11, count=INSTANCES)
    program = generate(model, Options("model", targets.load(core), optimize)).write(tmp_path)
    rng = np.random.default_rng(12)
    samples = [random_sample(model, rng) for _ in range(SAMPLES)]
    right = run_micro(write_model(model), samples, SEQUENCE)
    assert_firmware_computes(program, core, samples, right, sequence=SEQUENCE)
