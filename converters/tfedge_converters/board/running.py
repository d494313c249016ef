"""Samples run on a board, and the first layer that is not what it is on this computer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfedge_converters.board.emulation import HostBoard
from tfedge_converters.board.errors import BoardError
from tfedge_converters.board.ports import Port
from tfedge_converters.board.protocol import Hello, LayerRecord
from tfedge_converters.board.session import Session
from tfedge_converters.execute.program import CProgram
from tfedge_converters.execute.samples import (
    BEGINS,
    decode_outputs,
    encode_samples,
    output_byte_size,
)

_SHOWN_DIGITS = 12


@dataclass(frozen=True)
class BoardRun:
    """Samples that a board has run.

    Attributes:
        hello: what it says of itself.
        outputs: for each sample one array a model output.
        layers: for each sample what each layer made, and how long it took.
        retries: how many requests had to be sent again.
    """

    hello: Hello
    outputs: list[list[np.ndarray]]
    layers: list[list[LayerRecord]]
    retries: int


def run_samples(
    port: Port,
    program: CProgram,
    samples: Sequence[Sequence[np.ndarray]],
    sequence: int | None = None,
) -> BoardRun:
    """Run samples on the board at a port.

    Args:
        port: where it is.
        program: what it runs.
        samples: for each one array a model input, of its exact shape and dtype.
        sequence: how many consecutive samples are one sequence, for a model that keeps its state;
            None: all are one.

    Raises:
        BoardError: it cannot be reached, runs another model, gives no answer or fails.
        TfedgeError: a sample does not fit the model's inputs.
    """
    session = Session(port)
    _require_same(port, session.hello, program)
    outputs, layers = [], []
    for index, encoded in enumerate(encode_samples(program, samples, sequence)):
        begins = index == 0 or encoded[:1] == BEGINS
        run = session.run(encoded[1:], begins=begins)
        outputs.append(decode_outputs(program, run.outputs))
        layers.append(run.layers)
    return BoardRun(session.hello, outputs, layers, session.retries)


def difference_from_host(
    run: BoardRun,
    program: CProgram,
    samples: Sequence[Sequence[np.ndarray]],
    sequence: int | None = None,
) -> str:
    """Where a board's numbers part from those of the same C on this computer.

    Returns:
        The first layer that differs, in words; empty if none does, nor an output.

    Raises:
        MissingToolError: there is no C compiler.
        ExecutionError: the C does not compile for this computer, or crashes.
    """
    with HostBoard(program).opened() as port:
        here = run_samples(port, program, samples, sequence)
    for sample, (theirs, ours) in enumerate(zip(run.layers, here.layers, strict=True)):
        for index, (a, b) in enumerate(zip(theirs, ours, strict=True)):
            if a.digest != b.digest:
                name = program.layers[index] if index < len(program.layers) else "?"
                return f"layer {index} '{name}', from sample {sample} on"
        if any(map(_differ, run.outputs[sample], here.outputs[sample])):
            return f"the outputs, from sample {sample} on, though every layer is equal"
    return ""


def _differ(a: np.ndarray, b: np.ndarray) -> bool:
    return a.tobytes() != b.tobytes()


def _require_same(port: Port, hello: Hello, program: CProgram) -> None:
    """Refuse to take one model's numbers for another's."""
    own_hash, own_set = _identity(program)
    if hello.model_hash != own_hash:
        raise BoardError(
            f"{port.title} runs another model: '{hello.model}' of hash "
            f"{hello.model_hash[:_SHOWN_DIGITS]}, and not '{program.name}' of hash "
            f"{own_hash[:_SHOWN_DIGITS]}; flash this folder first"
        )
    if hello.set_id != own_set:
        raise BoardError(
            f"{port.title} runs another conversion of model '{program.name}' than the one in "
            f"{program.directory}; flash this folder first"
        )
    inputs = sum(spec.byte_size for spec in program.inputs)
    if (hello.input_bytes, hello.output_bytes) != (inputs, output_byte_size(program)):
        raise BoardError(
            f"{port.title} takes {hello.input_bytes:,} bytes and gives {hello.output_bytes:,}, the "
            f"model in {program.directory} {inputs:,} and {output_byte_size(program):,}: build its "
            "firmware again"
        )


def _identity(program: CProgram) -> tuple[str, int]:
    """The hash of the model, and the id of the files that were generated from it."""
    header = program.directory / f"{program.name}.h"
    text = header.read_text("utf-8", "replace")
    upper = program.name.upper()
    model = re.search(rf'^#define {upper}_MODEL_HASH "([0-9a-f]{{64}})"$', text, re.MULTILINE)
    files = re.search(rf"^#define {upper}_SET_ID 0x([0-9a-f]{{8}})u\b", text, re.MULTILINE)
    if model is None or files is None:
        raise BoardError(f"{header}: does not say what it was made of; convert the model again")
    return model[1], int(files[1], 16)
