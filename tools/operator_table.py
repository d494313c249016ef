"""Writes docs/operators.md from the tables that the generator and the quantiser work with.

python tools/operator_table.py
"""

from __future__ import annotations

from pathlib import Path

from tfedge.quantization.policy import OPERATORS, OutputRange
from tfedge_converters.c.kernels import LOWERINGS
from tfedge_converters.c.kernels.support import support

PATH = Path(__file__).resolve().parents[1] / "docs" / "operators.md"

_HEAD = """\
# Operators in generated C

Made by `python tools/operator_table.py` from the tables in the code; do not edit.

*Types* of what the kernel computes with. *Truth*: whose arithmetic it equals bit for bit, tried at
random under sanitizers. *Quantised*: how the int8 quantiser gives a result its scale: a range of
its own, its operands', a fixed one, or none (not quantised); a dash where only integer models have
the operator. int16 is symmetric, with int8 weights and int64 biases. Whatever is refused is refused
in words when C is generated.

| operator | types | restrictions | truth | quantised |
|---|---|---|---|---|
"""

_QUANTISED = {
    OutputRange.OWN: "own",
    OutputRange.SHARED: "operands'",
    OutputRange.FIXED: "fixed",
    OutputRange.NONE: "none",
}


def table() -> str:
    """The whole page."""
    rows = []
    for code in sorted(LOWERINGS):
        known = support(code)
        policy = OPERATORS.get(code)
        quantised = "—" if policy is None else _QUANTISED[policy.output]
        cells = (code, known.types, known.restrictions, known.oracle, quantised)
        rows.append(f"| {' | '.join(cells)} |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    PATH.write_text(table(), "utf-8")
