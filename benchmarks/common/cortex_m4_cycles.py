"""An estimate of cycles on a Cortex-M4 from the blocks of code that QEMU has executed.

Every executed instruction takes what Arm's Cortex-M4 Technical Reference Manual (r0p1, table 3-1)
publishes for it. It stays an estimate: a refill of the pipeline takes 1 to 3 cycles there and 2
here, a division 2 to 12 and 7 here; skipped instructions of an IT block take as much as others;
flash is taken to be prefetched in sequence and to have its constants cached, so that its wait
states come on top of each refill alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_REFILL = 2

_INSTRUCTION = re.compile(r"^0x([0-9a-f]{8}):  ([0-9a-f]{4}(?: [0-9a-f]{4})?) +(\S+) *(.*)$")
_EXECUTED = re.compile(r"^Trace \d+: (0x[0-9a-f]+) \[[0-9a-f]+/([0-9a-f]+)/\S+ ?(\S*)$")
_CONDITION = r"(eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?"
_BRANCH = re.compile(rf"^(b{_CONDITION}|bl|bx{_CONDITION}|blx|cbn?z|tb[bh])(\.[wn])?$")

# Mnemonic to cycles, the first that matches; those of registers' lists add one for each register.
_CYCLES = (
    (re.compile(r"^(ldrd|strd)"), 3),
    (re.compile(r"^v(ldm|stm|push|pop)"), 1),
    (re.compile(r"^(ldm|stm|push|pop)"), 1),
    (re.compile(r"^(ldr|str|vldr|vstr)"), 2),
    (re.compile(r"^(mla|mls)"), 2),
    (re.compile(r"^[su]div"), 7),
    (re.compile(r"^v(div|sqrt)"), 14),
    (re.compile(r"^vf?n?m(la|ls|a|s)\."), 3),
    (re.compile(r"^tb[bh]"), 2),
)
_LISTS = re.compile(r"^v?(ldm|stm|push|pop)")
_SINGLE = re.compile(r"^(ldr|str)(?!d)")

# Where the harness has the processor again.
_END = "stopwatch_ticks"
_LAYER = re.compile(r"_layer_(\d+)_[a-z]")


@dataclass
class Counts:
    """Instructions and estimated cycles."""

    instructions: int = 0
    cycles: int = 0


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


def estimate(executed: Path, name: str, wait_states: int = 0) -> Estimate:
    """Adds up the last inference of a list that `Firmware.run` had QEMU write.

    Args:
        executed: the list.
        name: what generated functions begin with.
        wait_states: cycles that flash lets the core wait for.
    """
    found = Estimate()
    inside, layer = False, -1
    previous: _Block | None = None
    for block, address, symbol in _executed_blocks(executed):
        if symbol == f"{name}_invoke" and not inside:
            found, inside, layer, previous = Estimate(), True, -1, None
        inside = inside and symbol != _END
        if not inside:
            continue
        if symbol.startswith(f"{name}_layer_") and (match := _LAYER.search(symbol)):
            layer = int(match[1])
        refilled = previous is not None and previous.branches and address != previous.end
        cycles = block.cycles + (_REFILL + wait_states if refilled else 0)
        for counts in (found.total, found.layers[layer]):
            counts.instructions += block.instructions
            counts.cycles += cycles
        previous = block
    return found


def _executed_blocks(path: Path) -> Iterator[tuple[_Block, int, str]]:
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
                    known[place] = _block(translated)
                translated = []
                if place in known:
                    yield known[place], int(address, 16), symbol


def _block(lines: Sequence[tuple[str, ...]]) -> _Block:
    cycles, after_single = 0, False
    for _, _, mnemonic, operands in lines:
        single = bool(_SINGLE.match(mnemonic))
        # Neighbouring loads and stores share their address and data phases.
        cycles += 1 if single and after_single else _instruction_cycles(mnemonic, operands)
        after_single = single
    address, code, mnemonic, operands = lines[-1]
    end = int(address, 16) + len(code.replace(" ", "")) // 2
    branches = bool(_BRANCH.match(mnemonic)) or "pc" in operands.split("[")[0]
    return _Block(len(lines), cycles, end, branches)


def _instruction_cycles(mnemonic: str, operands: str) -> int:
    cycles = next((cycles for pattern, cycles in _CYCLES if pattern.match(mnemonic)), 1)
    return cycles + (_registers(operands) if _LISTS.match(mnemonic) else 0)


def _registers(operands: str) -> int:
    """How many there are in a list such as {r4, r5, r8-r11, lr}, which QEMU writes out."""
    listed = operands[operands.find("{") + 1 : operands.find("}")]
    return len(listed.split(","))
