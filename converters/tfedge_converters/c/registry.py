"""The kernels that generated code can call: one table, in which each file registers its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tfedge_converters.c.arrays import STORED
from tfedge_converters.c.kernel_call import Lowered
from tfedge_converters.c.limits import Limit
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.types import Operator, TensorType

TFLITE_MICRO = "TFLite Micro"
LITERT = "LiteRT reference"
TFEDGE = "tfedge's own, which no interpreter has"

# In place of an element type: the kernel takes any.
ANY = "any"

# All that memory holds, for kernels that only move values.
STORED_TYPES = " ".join(type_.name.lower() for type_ in STORED)

# In place of an element type: 8 bits with an exponent that is found at run time.
BFP8 = "bfp8"

_USUAL = TensorType.INT8.name.lower()

Lowering = Callable[[Operator], Lowered]


@dataclass(frozen=True, eq=False)
class Kernel:
    """Registration of a kernel for an operator on some element types.

    Attributes:
        operator: the schema's name.
        types: element types of what it computes with, see `element_type`; or ANY alone.
        lower: makes calls of it; refuses by one of `limits` or of `limits.GENERAL`.
        limits: restrictions beyond what the operator itself asks for.
        oracle: whose arithmetic is the truth.
        note: what else to know of it, for docs.
        results: the element types of results, in words, where they are others than `types`.
    """

    operator: str
    types: tuple[str, ...]
    lower: Lowering
    limits: tuple[Limit, ...] = ()
    oracle: str = TFLITE_MICRO
    note: str = ""
    results: str = ""


_KERNELS: dict[str, dict[str, Kernel]] = {}


def kernel(
    operator: str,
    types: str,
    *,
    limits: Iterable[Limit] = (),
    oracle: str = TFLITE_MICRO,
    note: str = "",
    results: str = "",
) -> Callable[[Lowering], Lowering]:
    """Register a lowering for an operator; a decorator, of which one function may have several.

    Args:
        operator: the schema's name: "CONV_2D".
        types: the element types that it is for: "int8 int16"; "uint8" also stands for int8 that
            was uint8, see `Operator.uint8_semantics`.
        limits: all restrictions that the lowering refuses by, but for `limits.GENERAL`.
        oracle: whose arithmetic it equals bit for bit.
        note: what else to know of it, for docs.
        results: element types of results where they are others, in words.

    Raises:
        ValueError: one of the types has a kernel already.
    """

    def register(lower: Lowering) -> Lowering:
        row = Kernel(operator, tuple(types.split()), lower, tuple(limits), oracle, note, results)
        known = _KERNELS.setdefault(operator, {})
        for type_ in row.types:
            if type_ in known:
                raise ValueError(f"{operator} on {type_} has a kernel already")
            known[type_] = row
        return lower

    return register


def supported_operators() -> list[str]:
    """The names of the operators that have a kernel, sorted."""
    return sorted(_KERNELS)


def operators_on(type_: str) -> list[str]:
    """The names of the operators that have a kernel on an element type, sorted."""
    return sorted(code for code, known in _KERNELS.items() if type_ in known)


def kernels_of(operator: str) -> Sequence[Kernel]:
    """All kernels of an operator, those on int8 first."""
    rows = dict.fromkeys(_KERNELS.get(operator, {}).values())
    return sorted(rows, key=lambda row: _USUAL not in row.types)


def kernel_for(operator: Operator) -> Kernel | None:
    """The kernel for an operator's element type; None if it has none at all.

    Types without a kernel get the one on int8, or the first: it refuses them in words.
    """
    known = _KERNELS.get(operator.code)
    if not known:
        return None
    return known.get(element_type(operator)) or kernels_of(operator.code)[0]


def element_type(operator: Operator) -> str:
    """The element type that decides on an operator's kernel; empty if it has no such operand."""
    if any(t is not None and t.has_exponent for t in (*operator.inputs, *operator.outputs)):
        return BFP8
    if operator.uint8_semantics:
        return TensorType.UINT8.name.lower()
    index = traits_of(operator.code).data_operand
    data = operator.inputs[index] if index < len(operator.inputs) else None
    return "" if data is None else data.type.name.lower()
