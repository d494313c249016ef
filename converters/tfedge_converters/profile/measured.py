"""Figures of a program by a compiler and QEMU: linked sizes, stack, instructions of every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfedge.errors import MissingToolError
from tfedge_converters.execute import CORES, CProgram, FirmwareResult, FirmwareSizes, build_firmware
from tfedge_converters.execute.stack_bound import stack_bound
from tfedge_converters.targets import Target


@dataclass(frozen=True)
class Measured:
    """Figures of one program on one core.

    Attributes:
        sizes: of linked firmware, beyond that of an empty model.
        stack_bytes: that no call of the model goes beyond, by the compiler's call graph, or what a
            run has taken, if functions of the C library took more, or there is no call graph; None
            with neither.
        run: outputs and instructions; None without QEMU.
        missing: what was not there to measure with, in words; empty if all was.
    """

    sizes: FirmwareSizes
    stack_bytes: int | None
    run: FirmwareResult | None
    missing: str = ""


def flags_for(target: Target, flags: Sequence[str] = ()) -> list[str]:
    """Flags that firmware for a target is compiled with, behind those of its core."""
    return [*target.flags, *flags]


def measure(
    program: CProgram,
    target: Target,
    num_layers: int,
    samples: Sequence[Sequence[np.ndarray]],
    flags: Sequence[str] = (),
) -> Measured | None:
    """Compile a program, and run it in QEMU with its layers timed one by one.

    Args:
        program: the generated C.
        target: what for.
        num_layers: how many layers it has, in all.
        samples: inputs to run.
        flags: of the compiler, behind the target's.

    Returns:
        None where the target's core has no compiler that tfedge knows.

    Raises:
        MissingToolError: the compiler is not installed.
        ExecutionError: the C does not compile, or fails.
    """
    if target.core not in CORES:
        return None
    chosen = flags_for(target, flags)
    sizes = build_firmware(program, target.core, flags=chosen).sizes()
    bound = stack_bound(program, target.core, chosen)
    timed = build_firmware(program, target.core, flags=chosen, num_layers=num_layers)
    try:
        run = timed.run(samples)
    except MissingToolError as error:
        return Measured(sizes, bound, None, str(error))
    return Measured(sizes, max(bound or 0, run.stack_bytes), run)
