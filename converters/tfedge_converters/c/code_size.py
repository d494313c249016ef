"""How many bytes of flash a program's code takes on a core: an estimate from a table.

`code_table.json` has the bytes of kernels, of calls and of their parameters that
`tools/code_sizes.py` has measured on each core, by its compiler at -O2.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from tfedge_converters.c.code_bytes import CODE_BYTES, STREAM_BYTES, TURN_BYTES
from tfedge_converters.c.kernel_call import KernelCall
from tfedge_converters.c.kernel_variants import variant_of
from tfedge_converters.c.weights.costs import bytes_of_tiling, functions_of

# Cores that were measured, for others that execute the same.
_MEASURED_FOR: Mapping[str, str] = {
    "cortex-m0": "cortex-m0",
    "cortex-m3": "cortex-m3",
    "cortex-m4": "cortex-m4",
    "cortex-m7": "cortex-m4",
    "cortex-m33": "cortex-m4",
    "cortex-m55": "cortex-m55",
    "rv32imc": "rv32imc",
    "rv32imc-zve32x": "rv32imc-zve32x",
    "rv64gc": "rv32imc",
}

# In place of cores whose code was not measured.
_ANY_CORE = "cortex-m3"

_TYPICAL_INSTANCE = 500


@dataclass(frozen=True, eq=False)
class CodeParts:
    """Parts of a program's code.

    Attributes:
        layers: how many layers compute something.
        own: calls with code of their own.
        shared: calls of kernels' instances.
        params: of each struct of parameters that they point to, once, a call that does.
        turns: of each stream of layers, how many bands it has.
    """

    layers: int
    own: Sequence[KernelCall]
    shared: Sequence[KernelCall]
    params: Sequence[KernelCall]
    turns: Sequence[int] = ()


@dataclass(frozen=True)
class CodeEstimate:
    """Bytes of code and of kernels' parameters in flash.

    Attributes:
        core: whose.
        bytes: how many, about.
        is_of_target: whether that core's code was measured, or code of one that executes the same;
            else it is the code of another core.
    """

    core: str
    bytes: int
    is_of_target: bool


def code_estimate(parts: CodeParts, core: str) -> CodeEstimate:
    """Estimate the flash of a program's code.

    Args:
        parts: of the program.
        core: as targets call it.
    """
    known = _MEASURED_FOR.get(core)
    size = flash_of_code(parts, _table()[known or _ANY_CORE])
    return CodeEstimate(core if known else _ANY_CORE, size, known is not None)


def flash_of_code(parts: CodeParts, table: Mapping[str, Any]) -> int:
    """Add up the rows of a core's table."""
    instances = {call.kernel for call in parts.shared}
    inner = {name for call in (*parts.own, *parts.shared) for name in _reached(call)}
    return (
        table["program"]
        + table["layer"] * parts.layers
        + sum(STREAM_BYTES + TURN_BYTES * count for count in parts.turns)
        + sum(_bytes_of(call, "own", table) for call in parts.own)
        + sum(_bytes_of(call, "calls", table) for call in parts.shared)
        + sum(_bytes_of(call, "params", table) for call in parts.params)
        + sum(bytes_of_tiling(call.tiling) for call in parts.shared if call.tiling is not None)
        + sum(table["instances"].get(kernel, _TYPICAL_INSTANCE) for kernel in instances)
        + sum(table["inner"].get(name, 0) for name in inner)
    )


def _reached(call: KernelCall) -> tuple[str, ...]:
    """Functions that a kernel calls."""
    row = CODE_BYTES.get(variant_of(call)) or CODE_BYTES.get(call.kernel)
    reached = () if row is None else row.reaches
    return reached if call.tiling is None else (*reached, *functions_of(call.tiling))


def parts_of(
    layers: Sequence[Sequence[KernelCall]],
    specialised: Collection[int],
    pointed: Collection[int],
    turns: Sequence[int] = (),
) -> CodeParts:
    """Sort a program's calls.

    Args:
        layers: each one's calls.
        specialised: the `id` of calls with code of their own.
        pointed: the `id` of the first call of each struct of parameters.
        turns: of each stream of layers, how many bands it has.
    """
    calls = [call for layer in layers for call in layer]
    own = [call for call in calls if id(call) in specialised]
    shared = [call for call in calls if id(call) not in specialised]
    params = [call for call in shared if id(call) in pointed]
    return CodeParts(sum(map(bool, layers)), own, shared, params, turns)


def _bytes_of(call: KernelCall, kind: str, table: Mapping[str, Any]) -> int:
    kernels = table["kernels"]
    rows = (kernels.get(variant_of(call), {}), kernels.get(call.kernel, {}))
    found = next((row[kind] for row in rows if kind in row), None)
    return _TYPICAL[kind] if found is None else int(found)


# What kernels take that no table has.
_TYPICAL = {"own": 110, "calls": 24, "params": 56}


@cache
def _table() -> Mapping[str, Any]:
    file = resources.files(__package__).joinpath("code_table.json")
    table: Mapping[str, Any] = json.loads(file.read_text("utf-8"))
    return table
