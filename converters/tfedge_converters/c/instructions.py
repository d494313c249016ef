"""How many instructions calls of kernels take on a core: an estimate from a table.

`instruction_table.json` has the factors of what `kernel_work.py` counts, as
`tools/instruction_table.py` has found them in measurements of networks. Instructions are not
cycles.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from tfedge_converters.c.kernel_call import KernelCall
from tfedge_converters.c.kernel_variants import timed_variant_of
from tfedge_converters.c.kernel_work import usual_work_of, work_of
from tfedge_converters.c.weights.costs import instructions_of_tiling

# The core whose table decides where there is none.
_ANY_CORE = "cortex-m3"

# Cores whose instructions were counted, for others that execute the same: the first that has a
# kernel estimates it. The last has all kinds of code, and decides what shares code.
_COUNTED_FOR: Mapping[str, tuple[str, ...]] = {
    "cortex-m0": ("cortex-m0",),
    "cortex-m3": ("cortex-m3",),
    "cortex-m4": ("cortex-m4",),
    "cortex-m7": ("cortex-m4",),
    "cortex-m33": ("cortex-m4",),
    "cortex-m55": ("cortex-m55",),
    "rv32imc": ("rv32imc", _ANY_CORE),
    "rv32imc-zve32x": ("rv32imc-zve32x", "rv32imc", _ANY_CORE),
    "rv64gc": ("rv32imc", _ANY_CORE),
}

OWN, SHARED, TYPICAL = "own", "shared", "typical"


@dataclass(frozen=True)
class InstructionEstimate:
    """Instructions of one inference.

    Attributes:
        core: whose.
        layers: how many of each, about.
        unmeasured: kernels that were not measured on this core, and count as typical ones.
    """

    core: str
    layers: tuple[int, ...]
    unmeasured: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many in all, about."""
        return sum(self.layers)


def instruction_estimate(
    layers: Sequence[Sequence[KernelCall]], specialised: Collection[int], core: str
) -> InstructionEstimate | None:
    """Estimate what a program takes on a core; None where nothing was measured for that.

    Args:
        layers: each one's calls.
        specialised: the `id` of those with code of their own.
        core: as targets call it.
    """
    if core not in _COUNTED_FOR:
        return None
    tables = _COUNTED_FOR[core]
    counts = (
        sum(_estimate(call, tables, _kind(id(call) in specialised)) for call in calls)
        for calls in layers
    )
    every = [call for calls in layers for call in calls]
    return InstructionEstimate(core, tuple(map(round, counts)), tuple(_unmeasured(every, core)))


def instructions_of(call: KernelCall, core: str, *, specialised: bool) -> float:
    """Estimate one call, with code of its own or by its kernel's instance, to decide by it."""
    return _estimate(call, _COUNTED_FOR.get(core, (_ANY_CORE,))[-1:], _kind(specialised))


def _kind(specialised: bool) -> str:
    return OWN if specialised else SHARED


def _estimate(call: KernelCall, cores: Sequence[str], kind: str) -> float:
    tiling = call.tiling
    if tiling is not None:
        parts = tiling.tiles * tiling.bands.count
        return parts * _estimate(tiling.part, cores, SHARED) + instructions_of_tiling(tiling)
    variant = timed_variant_of(call)
    for core in cores:
        row = _table()[core].get(variant, {})
        if kind in row:
            return _product(row[kind], work_of(call))
    return _product(_table()[cores[-1]][TYPICAL][kind], usual_work_of(call))


def _unmeasured(calls: Iterable[KernelCall], core: str) -> list[str]:
    table = _table()[_COUNTED_FOR[core][0]]
    return sorted({call.kernel for call in calls if timed_variant_of(call) not in table})


def _product(factors: Sequence[float], work: Sequence[float]) -> float:
    return sum(factor * count for factor, count in zip(factors, work, strict=True))


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Core, kernel or kernel/variant, OWN or SHARED: factors."""
    file = resources.files(__package__).joinpath("instruction_table.json")
    table: Mapping[str, Mapping[str, Mapping[str, Any]]] = json.loads(file.read_text("utf-8"))
    return table
