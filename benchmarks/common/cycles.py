"""An estimate of cycles on Cortex-M cores from the blocks of code that QEMU has executed.

Every executed instruction takes what Arm publishes for it: Cortex-M0 Technical Reference Manual
DDI 0432C, Cortex-M0+ DDI 0484C, Cortex-M3 DDI 0337I, Cortex-M4 100166_0001, each in its table 3-1.
Later cores have no such tables. It stays an estimate: a refill of the pipeline takes 1 to 3 cycles
on Cortex-M3 and M4 and 2 here, a division 2 to 12 and 7 here, a long product of a Cortex-M3 3 to 7;
the multiplier of a Cortex-M0 is the fast one; skipped instructions of an IT block take as much as
others; flash is taken to be prefetched in sequence and to have its constants cached, so that its
wait states come on top of each refill alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_INSTRUCTION = re.compile(r"^0x([0-9a-f]{8}):  ([0-9a-f]{4}(?: [0-9a-f]{4})?) +(\S+) *(.*)$")
_EXECUTED = re.compile(r"^Trace \d+: (0x[0-9a-f]+) \[[0-9a-f]+/([0-9a-f]+)/\S+ ?(\S*)$")
_CONDITION = r"(eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?"
_BRANCH = re.compile(rf"^(b{_CONDITION}|bl|bx{_CONDITION}|blx|cbn?z|tb[bh])(\.[wn])?$")
_LISTS = re.compile(r"^v?(ldm|stm|push|pop)")
_LOAD = re.compile(r"^ldr(?!d)")
_STORE = re.compile(r"^str(?!d)")
_BY_REGISTER = re.compile(r"\[\w+, *[a-z]")


@dataclass(frozen=True)
class CoreCycles:
    """Timings of a core.

    Attributes:
        refill: of the pipeline, behind a branch that is taken.
        others: pattern of mnemonics to cycles, the first that matches, for those that take more
            than one; those of lists of registers add one for each register.
        pipelines: whether a load or store behind a load takes one cycle less, and a store with an
            immediate offset takes one.
    """

    refill: int
    others: tuple[tuple[re.Pattern[str], int], ...]
    pipelines: bool


def _timings(*rows: tuple[str, int]) -> tuple[tuple[re.Pattern[str], int], ...]:
    return tuple((re.compile(pattern), cycles) for pattern, cycles in rows)


_MOVES = (("^(ldm|stm|push|pop)", 1), ("^(ldr|str)", 2))
_ARMV7 = (
    *(("^(ldrd|strd)", 3), ("^v(ldm|stm|push|pop)", 1)),
    *_MOVES,
    *(("^(vldr|vstr)", 2), ("^[su]div", 7), ("^v(div|sqrt)", 14)),
    *((r"^vf?n?m(la|ls|a|s)\.", 3), ("^tb[bh]", 2)),
)
TIMINGS: Mapping[str, CoreCycles] = {
    "cortex-m0": CoreCycles(2, _timings(("^bl$", 2), *_MOVES), pipelines=False),
    "cortex-m0plus": CoreCycles(1, _timings(("^bl$", 2), *_MOVES), pipelines=False),
    "cortex-m3": CoreCycles(
        2, _timings(("^(mla|mls)", 2), ("^[su]mull", 4), ("^[su]mlal", 5), *_ARMV7), pipelines=True
    ),
    "cortex-m4": CoreCycles(2, _timings(*_ARMV7), pipelines=True),
}

# Where the harness has the processor again.
_END = "stopwatch_ticks"
_LAYER = re.compile(r"_layer_(\d+)_[a-z]")


@dataclass
class Counts:
    """Instructions, estimated cycles, and refills of the pipeline, which these include."""

    instructions: int = 0
    cycles: int = 0
    refills: int = 0


@dataclass
class Estimate:
    """Of one inference, whole and by the index of the layer."""

    total: Counts = field(default_factory=Counts)
    layers: dict[int, Counts] = field(default_factory=lambda: defaultdict(Counts))


@dataclass(frozen=True)
class _Block:
    """Code that is executed from its begin to its end.

    Attributes:
        instructions: how many.
        cycles: without what its last instruction takes if it leads elsewhere.
        end: the address behind it.
        branches: whether the last instruction may lead elsewhere.
    """

    instructions: int
    cycles: int
    end: int
    branches: bool


def estimate(executed: Path, name: str, core: str, wait_states: int = 0) -> Estimate:
    """Adds up the last inference of a list that `Firmware.run` had QEMU write.

    Args:
        executed: the list.
        name: what generated functions begin with.
        core: a key of `TIMINGS`.
        wait_states: cycles that flash lets the core wait for.
    """
    found, timing = Estimate(), TIMINGS[core]
    inside, layer = False, -1
    previous: _Block | None = None
    for block, address, symbol in _executed_blocks(executed, timing):
        if symbol == f"{name}_invoke" and not inside:
            found, inside, layer, previous = Estimate(), True, -1, None
        inside = inside and symbol != _END
        if not inside:
            continue
        if symbol.startswith(f"{name}_layer_") and (match := _LAYER.search(symbol)):
            layer = int(match[1])
        refilled = previous is not None and previous.branches and address != previous.end
        cycles = block.cycles + (timing.refill + wait_states if refilled else 0)
        for counts in (found.total, found.layers[layer]):
            counts.instructions += block.instructions
            counts.cycles += cycles
            counts.refills += refilled
        previous = block
    return found


def _executed_blocks(path: Path, timing: CoreCycles) -> Iterator[tuple[_Block, int, str]]:
    """Blocks in the order of execution, their addresses and functions."""
    known: dict[str, _Block] = {}
    translated: list[tuple[str, ...]] = []
    with path.open(errors="replace") as lines:
        for line in lines:
            if line.startswith("IN:"):
                translated = []
            elif match := _INSTRUCTION.match(line):
                translated.append(match.groups())
            elif match := _EXECUTED.match(line):
                place, address, symbol = match.groups()
                if translated and int(translated[0][0], 16) == int(address, 16):
                    known[place] = _block(translated, timing)
                translated = []
                if place in known:
                    yield known[place], int(address, 16), symbol


def _block(lines: Sequence[tuple[str, ...]], timing: CoreCycles) -> _Block:
    cycles, behind_load = 0, False
    for _, _, mnemonic, operands in lines:
        cycles += _instruction_cycles(mnemonic, operands, timing, behind_load)
        behind_load = bool(_LOAD.match(mnemonic))
    address, code, mnemonic, operands = lines[-1]
    end = int(address, 16) + len(code.replace(" ", "")) // 2
    branches = bool(_BRANCH.match(mnemonic)) or "pc" in operands.split("[")[0]
    return _Block(len(lines), cycles, end, branches)


def _instruction_cycles(mnemonic: str, operands: str, timing: CoreCycles, behind_load: bool) -> int:
    stores = bool(_STORE.match(mnemonic))
    if timing.pipelines and (stores or _LOAD.match(mnemonic)):
        is_short = behind_load or (stores and not _BY_REGISTER.search(operands))
        return 1 if is_short else 2
    cycles = next((cycles for pattern, cycles in timing.others if pattern.match(mnemonic)), 1)
    return cycles + (_registers(operands) if _LISTS.match(mnemonic) else 0)


def _registers(operands: str) -> int:
    """How many there are in a list such as {r4, r5, r8-r11, lr}, which QEMU writes out."""
    listed = operands[operands.find("{") + 1 : operands.find("}")]
    return len(listed.split(","))
