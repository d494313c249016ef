"""The report that `tfedge.profile` returns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tfedge.result import Result
from tfedge_converters.profile.timing import Bounds, cycles
from tfedge_converters.targets import Target
from tfedge_converters.targets.details import waiting

LINKED, COUNTED, ESTIMATED = "linked", "counted", "estimated"


@dataclass(frozen=True)
class LayerProfile:
    """Cost of a layer.

    Attributes:
        index: its number, as in generated C.
        name: the Keras layer's, or of what it makes.
        operator: what it computes, in TFLite's words.
        macs: multiplications of one inference.
        constant_bytes: weights, biases and tables of its own in flash.
        output_bytes: of RAM while its output is needed.
        instructions: of one inference; None where nothing says.
    """

    index: int
    name: str
    operator: str
    macs: int
    constant_bytes: int
    output_bytes: int
    instructions: int | None


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Result):
    """Costs of a model on a device.

    Attributes:
        name: of the model.
        target: the device.
        optimize: how kernels are shared, as `tfedge.convert` takes it.
        layers: each layer's share.
        constant_bytes: of flash: weights, biases and tables.
        code_bytes: of flash: code, kernels and their parameters; None where no compiler is known.
        sizes_are: "linked" if code was compiled and linked for the core at -O2, else "estimated".
        arena_bytes: of RAM, for activations; exact.
        context_bytes: of RAM, for the model's context and the state in it; exact.
        stack_bytes: of RAM, that no call goes beyond; None without a compiler.
        instructions: of one inference; None where nothing says.
        instructions_are: "counted" in QEMU, or "estimated" by the cost model.
        instruction_doubt: by which part of it an estimate may be off; 0 of what was counted.
        does_not_fit: why it does not fit into the target's memory; empty if it does.
        notes: what else there is to say.
    """

    name: str
    target: Target
    optimize: str
    layers: tuple[LayerProfile, ...] = field(repr=False)
    constant_bytes: int
    code_bytes: int | None
    sizes_are: str
    arena_bytes: int
    context_bytes: int
    stack_bytes: int | None
    instructions: int | None
    instructions_are: str
    instruction_doubt: float = 0.0
    does_not_fit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def flash_bytes(self) -> int | None:
        """Constants and code; None where nobody knows the code."""
        return None if self.code_bytes is None else self.constant_bytes + self.code_bytes

    @property
    def ram_bytes(self) -> int:
        """Arena, context and, if it is known, stack."""
        return self.arena_bytes + self.context_bytes + (self.stack_bytes or 0)

    @property
    def macs(self) -> int:
        """Multiplications of one inference."""
        return sum(layer.macs for layer in self.layers)

    @cached_property
    def cycles(self) -> Bounds | None:
        """Bounds of the cycles of one inference; None where nothing is known of the core."""
        return self._cycles(self.instructions, self.macs)

    @property
    def milliseconds(self) -> Bounds | None:
        """Bounds of the time of one inference at the part's clock; None of a core alone."""
        return self._milliseconds(self.cycles)

    @property
    def microjoules(self) -> Bounds | None:
        """Bounds of the energy of one inference; None where no data sheet says what cycles take."""
        part = self.target.part
        if self.cycles is None or part is None or part.current is None:
            return None
        return self.cycles.times(part.current.picojoules_per_cycle * 1e-6)

    def _cycles(self, instructions: int | None, macs: int) -> Bounds | None:
        if instructions is None:
            return None
        doubt = self.instruction_doubt * instructions
        return cycles(Bounds(instructions - doubt, instructions + doubt), macs, self.target)

    def _milliseconds(self, found: Bounds | None) -> Bounds | None:
        part = self.target.part
        return None if found is None or part is None else found.times(1e3 / part.clock_hz)

    def headline(self) -> str:
        """Flash, RAM and time in one line."""
        flash = "?" if self.flash_bytes is None else f"{self.flash_bytes:,}"
        words = f"{self.name} on {self.target.name}: flash {flash}, RAM {self.ram_bytes:,} bytes"
        if self.milliseconds is not None:
            words += f", {_span(self.milliseconds)} ms"
        return words

    def sections(self) -> Iterable[str]:
        """Return the layers, with the middles of their times, and the whole."""
        yield f"{self.name} for {self.target.name} ({self.target.description})"
        yield "\n".join(self._layer_lines())
        yield "\n".join(self.lines())

    def _layer_lines(self) -> Iterator[str]:
        """Align a line for each layer; names come last, for they may be long."""
        titles = ["layer", "operator", "MACs", "constants", "output", "instructions", "%"]
        has_time = self.milliseconds is not None
        rows = [[*titles, *(["ms"] if has_time else []), "name"]]
        for layer in self.layers:
            found = self._milliseconds(self._cycles(layer.instructions, layer.macs))
            instructions = "?" if layer.instructions is None else f"{layer.instructions:,}"
            row = [str(layer.index), layer.operator, f"{layer.macs:,}"]
            row += [f"{layer.constant_bytes:,}", f"{layer.output_bytes:,}", instructions]
            row += [self._share(layer), *([_number(found.middle)] if found is not None else [])]
            rows.append([*row, layer.name])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [
                cell.ljust(width) if title in ("operator", "name") else cell.rjust(width)
                for cell, width, title in zip(row, widths, rows[0], strict=True)
            ]
            yield "  ".join(cells).rstrip()

    def _share(self, layer: LayerProfile) -> str:
        if layer.instructions is None or not self.instructions:
            return ""
        return f"{100 * layer.instructions / self.instructions:.1f}"

    def lines(self) -> Iterator[str]:
        """Flash, RAM, instructions, time and energy, each with where it comes from."""
        yield f"flash: {self._flash_words()}{_of(self.flash_bytes, self.target.flash_bytes)}"
        yield f"RAM: {self._ram_words()}{_of(self.ram_bytes, self.target.ram_bytes)}"
        yield f"instructions: {self._instruction_words()}"
        yield from self._time_lines()
        if self.does_not_fit:
            yield f"does not fit: {self.does_not_fit}"
        for note in self.notes:
            yield f"note: {note}"

    def _flash_words(self) -> str:
        if self.code_bytes is None:
            return f"{self.constant_bytes:,} bytes of constants; code is not known for this core"
        how = "linked at -O2" if self.sizes_are == LINKED else "estimated, for -O2, within 2 %"
        return (
            f"{self.flash_bytes:,} bytes ({self.constant_bytes:,} constants, {self.code_bytes:,} "
            f"code; {how})"
        )

    def _ram_words(self) -> str:
        stack = "stack not known without a compiler"
        if self.stack_bytes is not None:
            stack = f"{self.stack_bytes:,} stack at most"
        return (
            f"{self.ram_bytes:,} bytes ({self.arena_bytes:,} arena, {self.context_bytes:,} context "
            f"and state, {stack})"
        )

    def _instruction_words(self) -> str:
        if self.instructions is None:
            return "not known for this core"
        if self.instructions_are == COUNTED:
            how = "counted in QEMU"
        else:
            how = (
                f"by the cost model, within {100 * self.instruction_doubt:.0f} % for most networks"
            )
        return f"{self.instructions:,} ({self.instructions / max(self.macs, 1):.2f} a MAC; {how})"

    def _time_lines(self) -> Iterator[str]:
        part, timing = self.target.part, self.target.timing
        if self.cycles is None or timing is None:
            yield "time: not known for this core"
            return
        low, high = timing.cycles_per_instruction
        basis = f"{low:g} to {high:g} cycles an instruction: {timing.source}"
        found = self.milliseconds
        if part is None or found is None:
            span = _span(self.cycles.times(1e-6))
            yield f"cycles: {span} million, without waiting for memory ({basis})"
            return
        waits = "" if part.flash is None else f", {waiting(part.flash)}"
        yield f"time: {_span(found)} ms at {part.clock_hz / 1e6:g} MHz{waits} ({basis})"
        if part.current is not None and self.microjoules is not None:
            current = part.current
            yield (
                f"energy: {_span(self.microjoules)} µJ at "
                f"{current.microamperes_per_megahertz:g} µA/MHz and {current.volts:g} V "
                f"({current.source})"
            )

    def document(self) -> dict[str, Any]:
        """The report as plain values."""
        part = self.target.part
        return {
            "model": self.name,
            "target": self.target.name,
            "core": self.target.core,
            "clock_hz": None if part is None else part.clock_hz,
            "optimize": self.optimize,
            "flash_bytes": self.flash_bytes,
            "constant_bytes": self.constant_bytes,
            "code_bytes": self.code_bytes,
            "sizes_are": self.sizes_are,
            "ram_bytes": self.ram_bytes,
            "arena_bytes": self.arena_bytes,
            "context_bytes": self.context_bytes,
            "stack_bytes": self.stack_bytes,
            "macs": self.macs,
            "instructions": self.instructions,
            "instructions_are": self.instructions_are,
            "instruction_doubt": self.instruction_doubt,
            "cycles": _pair(self.cycles),
            "milliseconds": _pair(self.milliseconds),
            "microjoules": _pair(self.microjoules),
            "fits": not self.does_not_fit,
            "does_not_fit": self.does_not_fit,
            "notes": list(self.notes),
            "layers": [dict(vars(layer)) for layer in self.layers],
        }

    def json(self) -> str:
        """The report as JSON."""
        return json.dumps(self.document(), indent=1, ensure_ascii=False) + "\n"


def _pair(bounds: Bounds | None) -> list[float] | None:
    return None if bounds is None else [bounds.low, bounds.high]


def _span(bounds: Bounds) -> str:
    return f"{_number(bounds.low)} to {_number(bounds.high)}"


def _number(value: float) -> str:
    """Write three digits, for no estimate has more."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:g}"


def _of(used: int | None, whole: int | None) -> str:
    if used is None or whole is None:
        return ""
    return f", {100 * used / whole:.1f} % of {whole:,}"
