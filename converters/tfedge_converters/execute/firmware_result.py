"""Reader of the text that firmware writes: outputs, instruction counts and stack depths."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from tfedge_converters.execute.cores import Machine
from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.execute.program import CProgram
from tfedge_converters.execute.samples import decode_outputs, output_byte_size

_CALIBRATION = struct.Struct("<QQQ")  # calibration in harness/firmware/main.c
_MEASUREMENT = struct.Struct("<QQ")  # measurement there
_LAYER = struct.Struct("<Q")
_CALIBRATION_TOLERANCE_TICKS = 2
_CALL_INSTRUCTIONS = 16  # at most, of the loop of known length


@dataclass(frozen=True)
class FirmwareResult:
    """Outputs and measurements of a run.

    Attributes:
        outputs: for each sample one array a model output.
        instructions: for each sample the instructions of its inference, within 60. They are
            ticks of the simulated clock, so the resolution is 1 to 50 instructions,
            and the same inference always gives the same number.
        stack_bytes: the deepest that any inference reached into the stack, from the call of
            invoke on; of the model's functions only, interrupts would come on top.
        layer_instructions: for each sample the instructions of each layer by its index, within 60,
            if the firmware times layers; 0 of a layer that computes nothing.
    """

    outputs: list[list[np.ndarray]]
    instructions: list[int]
    stack_bytes: int
    layer_instructions: list[list[int]] = field(default_factory=list)


def parse_results(
    program: CProgram, machine: Machine, data: bytes, samples: int, num_layers: int = 0
) -> FirmwareResult:
    """Take the firmware's results file apart.

    Args:
        program: the model.
        machine: what it ran on.
        data: the file.
        samples: how many there were.
        num_layers: how many layers it timed.

    Raises:
        ExecutionError: results are missing, or the simulated clock does not run as `machine` says.
    """
    output_bytes = output_byte_size(program)
    record_bytes = output_bytes + _MEASUREMENT.size + num_layers * _LAYER.size
    wanted = _CALIBRATION.size + samples * record_bytes
    if len(data) != wanted:
        raise ExecutionError(
            f"QEMU's {machine.name} said that all went well, and left {len(data):,} bytes of "
            f"results where {samples} samples make {wanted:,}; is it {machine.emulator.name}?"
        )
    loop_instructions, loop_ticks, empty_ticks = _CALIBRATION.unpack_from(data)
    _check_clock(machine, loop_instructions, loop_ticks - empty_ticks)
    outputs, instructions, depths, layers = [], [], [0], []
    for start in range(_CALIBRATION.size, len(data), record_bytes):
        record = data[start : start + record_bytes]
        outputs.append(decode_outputs(program, record[:output_bytes]))
        ticks, depth = _MEASUREMENT.unpack_from(record, output_bytes)
        instructions.append(round((ticks - empty_ticks) * machine.instructions_per_tick))
        depths.append(depth)
        ends = record[output_bytes + _MEASUREMENT.size :]
        layers.append(
            [
                max(round((ticks - empty_ticks) * machine.instructions_per_tick), 0)
                for (ticks,) in _LAYER.iter_unpack(ends)
            ]
        )
    return FirmwareResult(outputs, instructions, max(depths), layers if num_layers else [])


def _check_clock(machine: Machine, instructions: int, ticks: int) -> None:
    expected = instructions / machine.instructions_per_tick
    tolerance = _CALIBRATION_TOLERANCE_TICKS + _CALL_INSTRUCTIONS / machine.instructions_per_tick
    if abs(ticks - expected) > tolerance:
        raise ExecutionError(
            f"QEMU's {machine.name} counted {ticks} ticks for {instructions} instructions where "
            f"{expected:.0f} were expected: this version of QEMU cannot count instructions here"
        )
