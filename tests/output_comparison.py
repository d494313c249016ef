"""Compares outputs of programs, of every sample, with those that are right: bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tfedge.errors import MissingToolError
from tfedge_converters.execute import CProgram, build_firmware

# One array for each output, for each sample.
Outputs = Sequence[Sequence[np.ndarray]]


def assert_same_outputs(got: Outputs, right: Outputs) -> None:
    """Fails where an integer differs, or where there are more outputs or fewer."""
    for actual, expected in zip(got, right, strict=True):
        for a, b in zip(actual, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def assert_firmware_computes(
    program: CProgram,
    core: str,
    samples: Sequence[Sequence[np.ndarray]],
    right: Outputs,
    flags: Sequence[str] = (),
    sequence: int | None = None,
) -> None:
    """Runs a program on a core in QEMU; skips the test where what that takes is missing.

    Args:
        program: the one.
        core: a key of `CORES`.
        samples: its inputs.
        right: outputs.
        flags: of the compiler.
        sequence: samples between two resets; None to reset never.
    """
    try:
        outputs = build_firmware(program, core, flags=flags).run(samples, sequence=sequence).outputs
    except MissingToolError as error:
        pytest.skip(str(error))
    assert_same_outputs(outputs, right)
