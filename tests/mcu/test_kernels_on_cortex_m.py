"""Kernels with code of their own for a core: random operators in firmware against the reference."""

from __future__ import annotations

import pytest
from kernel_comparison import mismatches

from tfedge.errors import MissingToolError

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

# Instances that have code of their own take long to compile. `make sweep SWEEP=operators` has more
# on this machine, and with OPTIONS="--core cortex-m4" on a core.
INSTANCES = {"speed": 10, "shared": 40}
SAMPLES = 9


# The last decorator varies slowest: what is right of an operator is found once for all cores.
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


def compare(core, name, optimize, folder):
    """Runs random operators in QEMU and compares all of their outputs."""
    cases = {"seed": 11, "instances": INSTANCES[optimize], "samples": SAMPLES}
    try:
        differing = mismatches([name], optimize, folder, core=core, **cases)
    except MissingToolError as error:
        pytest.skip(str(error))
    assert differing == []
