"""Writes docs/operators.md from what kernels register, and from the quantiser's policy.

python tools/operator_table.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tfedge.quantization.policy import OPERATORS, OutputRange
from tfedge_converters.c.kernels import kernels_of, supported_operators
from tfedge_converters.c.limits import GENERAL
from tfedge_converters.c.registry import Kernel
from tfedge_converters.graph.operator_checks import LARGEST_RANK
from tfedge_converters.graph.operator_traits import traits_of

PATH = Path(__file__).resolve().parents[1] / "docs" / "operators.md"

_HEAD = """\
# Operators in generated C

Made by `python tools/operator_table.py` from what the kernels register; do not edit.

*Types* of what the kernel computes with; int16 is symmetric, with int8 weights and int64 biases,
and uint8 on a grid is what LiteRT's reference computes, within the limits of int8 unless it has its
own; real activations have weights of float32, float16 or, in BATCH_MATMUL, CONV_2D,
DEPTHWISE_CONV_2D, FULLY_CONNECTED and UNIDIRECTIONAL_SEQUENCE_LSTM, int8, for which they are
rounded to int8 at run time as LiteRT's reference does; TFLite Micro has no such; bfp8 is 8 bits
with an exponent that is found at run time, which models of the scheme `dynamic_integer` compute
with between float32 inputs and outputs. *Limits*: what holds of the operators that it computes;
those behind a type are its alone. All others are refused in words when C is generated. *Truth*:
whose arithmetic it equals bit for bit, tried at random under sanitizers. *Quantised*: how the int8
quantiser gives a result its scale: a range of its own, its operands', a fixed one, or none (not
quantised); a dash where only integer models have the operator. VAR_HANDLE, READ_VARIABLE,
ASSIGN_VARIABLE and CALL_ONCE have no kernels: a model is opened with SLICE of a variable in their
place.

All of them ask for:

"""

_COLUMNS = """
| operator | types | limits | truth | quantised |
|---|---|---|---|---|
"""

_QUANTISED = {
    OutputRange.OWN: "own",
    OutputRange.SHARED: "operands'",
    OutputRange.FIXED: "fixed",
    OutputRange.NONE: "none",
}

# In which types are named.
_TYPES = ("int8", "uint8", "int16", "int32", "int64", "bool", "float32", "bfp8", "any")


def table() -> str:
    """The whole page."""
    general = [*(limit.words for limit in GENERAL), f"at most {LARGEST_RANK} dimensions"]
    rows = "".join(f"| {' | '.join(_cells(code))} |\n" for code in supported_operators())
    return _HEAD + "".join(f"- {words}\n" for words in general) + _COLUMNS + rows


def _cells(code: str) -> Sequence[str]:
    rows = kernels_of(code)
    policy = OPERATORS.get(code)
    quantised = "—" if policy is None else _QUANTISED[policy.output]
    truths = _by_type(rows, lambda row: [row.oracle])
    return code, _types(rows), _by_type(rows, _limits), truths, quantised


def _types(rows: Sequence[Kernel]) -> str:
    named = {type_ for row in rows for type_ in row.types}
    if "int8" in named and traits_of(rows[0].operator).uint8_as_int8:
        named.add("uint8")
    types = ", ".join(_in_order(named))
    (results,) = {row.results for row in rows}
    return f"{types} to {results}" if results else types


def _limits(row: Kernel) -> list[str]:
    return [*(limit.words for limit in row.limits), *filter(None, [row.note])]


def _by_type(rows: Sequence[Kernel], said_of: Callable[[Kernel], Iterable[str]]) -> str:
    """What is said of all kernels of an operator, then what of some, behind their types."""
    types: dict[str, list[str]] = {}
    for row in rows:
        for words in said_of(row):
            types.setdefault(words, []).extend(row.types)
    everything = _in_order(type_ for row in rows for type_ in row.types)
    grouped: dict[str, list[str]] = {}
    for words, of_types in types.items():
        ordered = _in_order(of_types)
        lead = "" if ordered == everything else f"*{', '.join(ordered)}*: "
        grouped.setdefault(lead, []).append(words)
    leads = sorted(grouped, key=bool)
    return "; ".join(lead + "; ".join(grouped[lead]) for lead in leads)


def _in_order(types: Iterable[Any]) -> list[str]:
    return sorted(set(types), key=_TYPES.index)


if __name__ == "__main__":
    PATH.write_text(table(), "utf-8")
