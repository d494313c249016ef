"""One network on one core in QEMU: instructions by layer, memory, and differing output bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tfedge.errors import MissingToolError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.plan import Plan
from tfedge_converters.c.source import CSource
from tfedge_converters.execute import Firmware, FirmwareResult, build_firmware
from tfedge_converters.graph import Model, read_file, write_model
from tfedge_converters.graph.passes.constant_channels import fold_constant_channels
from tfedge_converters.profile.measured import Measured, measure
from tfedge_converters.verify.engines import run_micro
from tfedge_converters.verify.samples import random_samples

_SAMPLES = 2


@dataclass(frozen=True)
class Setting:
    """How a network is generated and compiled.

    Attributes:
        core: a key of `execute.CORES`, which is a target too.
        optimize: a key of `c.OPTIMIZATIONS`.
        flags: of the compiler, in one text.
        packing: whose kernels; None for the target's own.
        fold: whether constant channels are folded, as `tfedge convert` does.
    """

    core: str
    optimize: str = "balanced"
    flags: str = "-O2"
    packing: str | None = None
    fold: bool = True

    def target(self) -> targets.Target:
        """The core's target, with the packing that was asked for."""
        target = targets.load(self.core)
        return target if self.packing is None else replace(target, packing=self.packing)


@dataclass(frozen=True)
class Run:
    """A network's code, and what came of running it.

    Attributes:
        source: the generated program.
        measured: what came of it.
        mismatches: output bytes that differ from TFLite Micro's of the file as it is.
    """

    source: CSource
    measured: Measured
    mismatches: int

    @property
    def plan(self) -> Plan:
        """Layers and memory."""
        return self.source.plan

    @property
    def result(self) -> FirmwareResult:
        """Of the firmware with its layers timed one by one."""
        if self.measured.run is None:
            raise MissingToolError(self.measured.missing)
        return self.measured.run

    @property
    def layer_instructions(self) -> list[int]:
        """Of the last sample."""
        return self.result.layer_instructions[-1]


def run(path: Path, setting: Setting) -> Run:
    """Generates, compiles and runs a network with its layers timed one by one."""
    model = read_file(path)
    samples = random_samples(model.main, _SAMPLES, seed=0)
    expected = run_micro(write_model(model), samples)
    source = _generated(model, "net", setting)
    layers = len(source.plan.layers)
    with tempfile.TemporaryDirectory() as folder:
        program = source.write(folder)
        measured = measure(program, setting.target(), layers, samples, setting.flags.split())
    assert measured is not None
    made = Run(source, measured, 0)
    return replace(made, mismatches=_mismatches(made.result.outputs, expected))


def linked(path: Path, setting: Setting, folder: str) -> Firmware:
    """The firmware as users have it, in which no layer is timed; sources stay in `folder`."""
    source = _generated(read_file(path), "net", setting)
    return build_firmware(source.write(folder), setting.core, flags=setting.flags.split())


def plan_of(path: Path, setting: Setting) -> Plan:
    """The layers that `run` would time."""
    return _generated(read_file(path), "net", setting).plan


def _generated(model: Model, name: str, setting: Setting) -> CSource:
    target = setting.target()
    if setting.fold:
        fold_constant_channels(model, multiple_of=target.channel_multiple)
    return generate(model, Options(name, target, setting.optimize))


def _mismatches(
    outputs: Sequence[Sequence[np.ndarray]], expected: Sequence[Sequence[np.ndarray]]
) -> int:
    return sum(
        int((a != b).sum())
        for got, right in zip(outputs, expected, strict=True)
        for a, b in zip(got, right, strict=True)
    )
