"""Neutral names for the model under test, by which the harness calls it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from string import Template

from tfedge_converters.execute.program import CProgram, TensorSpec

_HEADER = Template("""\
/* The model that the harness runs. Written by tfedge_converters.execute. */
#ifndef TFEDGE_SUBJECT_H
#define TFEDGE_SUBJECT_H

#include "$name.h"

typedef ${name}_context subject_context;

#define SUBJECT_ARENAS(ARENA) $arenas
#define subject_init(context) ${name}_init(context$pointers)
#if ${upper}_STATE_BYTES > 0
#define subject_reset ${name}_reset
#else
#define subject_reset(context) ((void)(context), 0)
#endif
#define subject_input ${name}_input
#define subject_invoke ${name}_invoke
#define subject_output ${name}_output
#define subject_self_test ${name}_self_test

#define SUBJECT_NAME "$name"
#define SUBJECT_ARENA_ALIGN ${upper}_ARENA_ALIGN
#define SUBJECT_NUM_INPUTS $num_inputs
#define SUBJECT_NUM_OUTPUTS $num_outputs
#define SUBJECT_NUM_LAYERS $num_layers
#define SUBJECT_INPUT_BYTES {$input_bytes}
#define SUBJECT_OUTPUT_BYTES {$output_bytes}

#endif
""")


def write_subject_header(program: CProgram, directory: Path, num_layers: int = 0) -> None:
    """Write `subject.h` into `directory`.

    Args:
        program: the model.
        directory: an existing folder.
        num_layers: how many layers report their ends; 0 for none.
    """
    arenas = program.arenas or (("", program.arena_bytes),)
    text = _HEADER.substitute(
        name=program.name,
        upper=program.name.upper(),
        arenas=" ".join(
            f"ARENA({memory or 'only'}, {size}u, {_section(program, memory)})"
            for memory, size in arenas
        ),
        pointers="".join(f", harness_arena_{memory or 'only'}, {size}u" for memory, size in arenas),
        num_inputs=len(program.inputs),
        num_outputs=len(program.outputs),
        num_layers=num_layers,
        input_bytes=_byte_sizes(program.inputs),
        output_bytes=_byte_sizes(program.outputs),
    )
    (directory / "subject.h").write_text(text)


def _byte_sizes(specs: Iterable[TensorSpec]) -> str:
    """An initialiser; the closing 0 keeps it legal C for a model without inputs."""
    return ", ".join(f"{size}u" for size in [*(spec.byte_size for spec in specs), 0])


def _section(program: CProgram, memory: str) -> str:
    """The macro of generated C that puts an arena into its memory; of the only one, nothing."""
    return f"{program.name.upper()}_{memory.upper()}_SECTION" if memory else ""
