"""From a generated program to its report: measured, or by the cost model without tools."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tfedge.errors import MissingToolError
from tfedge_converters.c import CSource
from tfedge_converters.c.constants import constant_bytes
from tfedge_converters.c.layer import Layer
from tfedge_converters.execute import CORES, CProgram
from tfedge_converters.graph import Model
from tfedge_converters.profile.measured import Measured, measure
from tfedge_converters.profile.report import (
    COUNTED,
    ESTIMATED,
    LINKED,
    LayerProfile,
    Profile,
)
from tfedge_converters.targets import Target
from tfedge_converters.verify.samples import random_samples

# By how much the cost model's sum is off, at most, for the networks that it is measured on.
_DOUBT = 0.1

_SEED = 0


def assembled(
    source: CSource,
    written: Callable[[Path], CProgram | None],
    model: Model,
    target: Target,
    does_not_fit: str,
    notes: tuple[str, ...] = (),
) -> Profile:
    """Report on a program.

    Args:
        source: what is known of it.
        written: writes it into a folder.
        model: the graph that it was generated from.
        target: the device.
        does_not_fit: why not, in words; empty if it does.
        notes: what else there is to say.

    Raises:
        ExecutionError: the compiler or QEMU fails.
    """
    measured, missing = _measured(source, written, model, target)
    run = None if measured is None else measured.run
    instructions = _instructions(source) if run is None else run.instructions[-1]
    by_layer = _layers(source) if run is None else run.layer_instructions[-1]
    return Profile(
        name=source.name,
        target=target,
        optimize=source.optimize,
        layers=tuple(
            _layer(layer, None if by_layer is None else by_layer[layer.index])
            for layer in source.plan.layers
            if layer.lowered.calls
        ),
        constant_bytes=source.weights_bytes,
        code_bytes=_code_bytes(source, measured),
        sizes_are=ESTIMATED if measured is None else LINKED,
        arena_bytes=source.arena_bytes,
        context_bytes=source.context_bytes(_pointer_bytes(target)),
        stack_bytes=None if measured is None else measured.stack_bytes,
        instructions=instructions,
        instructions_are=ESTIMATED if run is None else COUNTED,
        instruction_doubt=0.0 if run is not None else _DOUBT,
        does_not_fit=does_not_fit,
        notes=(*notes, *missing, *_typical_kernels(source, run is None), *_part_notes(target)),
    )


def _measured(
    source: CSource,
    written: Callable[[Path], CProgram | None],
    model: Model,
    target: Target,
) -> tuple[Measured | None, list[str]]:
    """Ask the tools; say which of them are missing."""
    if target.core not in CORES:
        return None, []
    samples = random_samples(model.main, 1, _SEED)
    try:
        with tempfile.TemporaryDirectory() as folder:
            program = written(Path(folder))
            assert program is not None
            measured = measure(program, target, len(source.plan.layers), samples)
    except MissingToolError as error:
        return None, [f"sizes and instructions are estimated: {error}"]
    if measured is not None and measured.missing:
        return measured, [f"instructions are estimated: {measured.missing}"]
    return measured, []


def _code_bytes(source: CSource, measured: Measured | None) -> int | None:
    if measured is not None:
        return measured.sizes.flash_bytes - source.weights_bytes
    return source.code.bytes if source.code.is_of_target else None


def _instructions(source: CSource) -> int | None:
    return None if source.instructions is None else source.instructions.count


def _layers(source: CSource) -> Sequence[int] | None:
    return None if source.instructions is None else source.instructions.layers


def _typical_kernels(source: CSource, is_estimated: bool) -> Iterator[str]:
    if is_estimated and source.instructions is not None and source.instructions.unmeasured:
        kernels = ", ".join(source.instructions.unmeasured)
        yield f"nothing was measured of {kernels} on this core: they count as typical kernels"


def _part_notes(target: Target) -> tuple[str, ...]:
    return () if target.part is None else target.part.notes


def _pointer_bytes(target: Target) -> int:
    return 8 if target.core.startswith("rv64") else 4


def _layer(layer: Layer, instructions: int | None) -> LayerProfile:
    return LayerProfile(
        index=layer.index,
        name=layer.name,
        operator=layer.operator.name,
        macs=layer.macs,
        constant_bytes=constant_bytes(layer),
        output_bytes=sum(tensor.byte_size for tensor in layer.operator.outputs),
        instructions=instructions,
    )
