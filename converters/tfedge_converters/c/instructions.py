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

# Cores whose instructions were counted, for others that execute the same.
_COUNTED_FOR: Mapping[str, str] = {
    "cortex-m0": "cortex-m0",
    "cortex-m3": "cortex-m3",
    "cortex-m4": "cortex-m4",
    "cortex-m7": "cortex-m4",
    "cortex-m33": "cortex-m4",
    "cortex-m55": "cortex-m55",
}

# The core whose table decides where there is none.
_ANY_CORE = "cortex-m3"

OWN, SHARED, TYPICAL = "own", "shared", "typical"


@dataclass(frozen=True)
class InstructionEstimate:
    """Instructions of one inference.

    Attributes:
        core: whose.
        count: how many, about.
        unmeasured: kernels that were not measured on this core, and count as typical ones.
    """

    core: str
    count: int
    unmeasured: tuple[str, ...]


def instruction_estimate(
    calls: Sequence[KernelCall], specialised: Collection[int], core: str
) -> InstructionEstimate | None:
    """Estimate what a program takes on a core; None where nothing was measured for that.

    Args:
        calls: all of a program.
        specialised: the `id` of those with code of their own.
        core: as targets call it.
    """
    if core not in _COUNTED_FOR:
        return None
    count = sum(instructions_of(call, core, specialised=id(call) in specialised) for call in calls)
    return InstructionEstimate(core, round(count), tuple(_unmeasured(calls, core)))


def instructions_of(call: KernelCall, core: str, *, specialised: bool) -> float:
    """Estimate one call, with code of its own or by its kernel's instance."""
    table = _table()[_COUNTED_FOR.get(core, _ANY_CORE)]
    kind = OWN if specialised else SHARED
    row = table.get(timed_variant_of(call), {})
    if kind in row:
        return _product(row[kind], work_of(call))
    return _product(table[TYPICAL][kind], usual_work_of(call))


def _unmeasured(calls: Iterable[KernelCall], core: str) -> list[str]:
    table = _table()[_COUNTED_FOR[core]]
    return sorted({call.kernel for call in calls if timed_variant_of(call) not in table})


def _product(factors: Sequence[float], work: Sequence[float]) -> float:
    return sum(factor * count for factor, count in zip(factors, work, strict=True))


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Core, kernel or kernel/variant, OWN or SHARED: factors."""
    file = resources.files(__package__).joinpath("instruction_table.json")
    table: Mapping[str, Mapping[str, Mapping[str, Any]]] = json.loads(file.read_text("utf-8"))
    return table
