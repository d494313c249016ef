"""What firmware writes while it runs: outputs, instruction counts and stack depths."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from tfedge_converters.execute.cores import Machine
from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.execute.program import CProgram
from tfedge_converters.execute.samples import decode_outputs, output_byte_size

_CALIBRATION = struct.Struct("<QQQ")  # calibration in harness/firmware/main.c
_MEASUREMENT = struct.Struct("<QQ")  # measurement there
_CALIBRATION_TOLERANCE_TICKS = 2
_CALL_INSTRUCTIONS = 16  # at most, of the loop of known length


@dataclass(frozen=True)
class FirmwareResult:
    """What came out of a run.

    Attributes:
        outputs: for each sample one array a model output.
        instructions: for each sample the instructions of its inference, within 60. They are
            ticks of the simulated clock, so the resolution is 1 to 50 instructions,
            and the same inference always gives the same number.
        stack_bytes: the deepest that any inference reached into the stack, from the call of
            invoke on; of the model's functions only, interrupts would come on top.
    """

    outputs: list[list[np.ndarray]]
    instructions: list[int]
    stack_bytes: int


def parse_results(program: CProgram, machine: Machine, data: bytes, samples: int) -> FirmwareResult:
    """Takes the firmware's results file apart.

    Args:
        program: the model.
        machine: what it ran on.
        data: the file.
        samples: how many there were.

    Raises:
        ExecutionError: results are missing, or the simulated clock does not run as `machine` says.
    """
    wanted = _CALIBRATION.size + samples * (output_byte_size(program) + _MEASUREMENT.size)
    if len(data) != wanted:
        raise ExecutionError(
            f"QEMU's {machine.name} said that all went well, and left {len(data):,} bytes of "
            f"results where {samples} samples make {wanted:,}; is it {machine.emulator.name}?"
        )
    loop_instructions, loop_ticks, empty_ticks = _CALIBRATION.unpack_from(data)
    _check_clock(machine, loop_instructions, loop_ticks - empty_ticks)
    outputs, instructions, depths = [], [], [0]
    output_bytes = output_byte_size(program)
    record_bytes = output_bytes + _MEASUREMENT.size
    for start in range(_CALIBRATION.size, len(data), record_bytes):
        record = data[start : start + record_bytes]
        outputs.append(decode_outputs(program, record[:output_bytes]))
        ticks, depth = _MEASUREMENT.unpack_from(record, output_bytes)
        instructions.append(round((ticks - empty_ticks) * machine.instructions_per_tick))
        depths.append(depth)
    return FirmwareResult(outputs, instructions, max(depths))


def _check_clock(machine: Machine, instructions: int, ticks: int) -> None:
    expected = instructions / machine.instructions_per_tick
    tolerance = _CALIBRATION_TOLERANCE_TICKS + _CALL_INSTRUCTIONS / machine.instructions_per_tick
    if abs(ticks - expected) > tolerance:
        raise ExecutionError(
            f"QEMU's {machine.name} counted {ticks} ticks for {instructions} instructions where "
            f"{expected:.0f} were expected: this version of QEMU cannot count instructions here"
        )
