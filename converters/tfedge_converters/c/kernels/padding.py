"""PAD, PADV2 and MIRROR_PAD."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.c.arrays import stored_dtype
from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.filling import fill_calls
from tfedge_converters.c.kernels.views import COPYING, View, copies
from tfedge_converters.c.limits import SHAPES, ConstantOperand
from tfedge_converters.c.registry import STORED_TYPES, kernel
from tfedge_converters.graph.types import Operator, Tensor

# How far from the border the first mirrored position lies.
_MIRROR_OFFSETS = {schema.MirrorPadMode.REFLECT: 1, schema.MirrorPadMode.SYMMETRIC: 0}

_PADDINGS = ConstantOperand("the paddings")
_VALUE = ConstantOperand("the value")


@kernel("PAD", STORED_TYPES, limits=(_PADDINGS, *COPYING))
def lower_pad(operator: Operator) -> Lowered:
    """Real zeros around the input."""
    source, pads, output = _operands(operator, 2)
    return _padded(source, pads, output, zero(output))


@kernel("PADV2", STORED_TYPES, limits=(_PADDINGS, _VALUE, *COPYING))
def lower_pad_v2(operator: Operator) -> Lowered:
    """A constant around the input."""
    source, pads, output = _operands(operator, 3)
    value = checks.operand(operator, 2)
    checks.moved(operator, output, value)
    if value.elements != 1:
        SHAPES.refuse(f"it pads with {value.elements} values where 1 is possible")
    element = _VALUE.values(value).reshape(1).view(stored_dtype(value.type))
    return _padded(source, pads, output, element)


@kernel("MIRROR_PAD", STORED_TYPES, limits=(_PADDINGS, *COPYING))
def lower_mirror_pad(operator: Operator) -> Lowered:
    """The input's border regions backwards; corners are mirrored twice.

    Every axis is mirrored within the output, where the axes before it are complete.
    """
    source, pads, output = _operands(operator, 2)
    offset = _MIRROR_OFFSETS.get(operator.options.mode)
    if offset is None:
        SHAPES.refuse(f"mirror mode {operator.options.mode} is unknown")
    ready = _middle(source, pads, output)
    calls = [*copies(source, View.whole(source.shape), output, ready)]
    for axis, (before, after) in enumerate(pads):
        size = source.shape[axis]
        if max(before, after) > size - offset:
            SHAPES.refuse(
                f"axis {axis} of shape {source.shape} cannot be mirrored by {before} and {after}"
            )
        for start, count, mirrored in (
            (-before, before, before - 1 + offset),
            (size, after, size - 1 - offset),
        ):
            if count:
                taken = ready.sliced(axis, mirrored, count, -1)
                calls += copies(output, taken, output, ready.sliced(axis, start, count))
        ready = ready.sliced(axis, -before, before + size + after)
    return Lowered(tuple(calls), detail=_text(pads))


def zero(tensor: Tensor) -> np.ndarray:
    """The one element of a tensor's type that stands for the real number 0."""
    value = 0 if tensor.quantization is None else checks.scale_and_zero_point(tensor)[1]
    return np.array([value]).astype(tensor.type.dtype).view(stored_dtype(tensor.type))


def _padded(
    source: Tensor, pads: list[tuple[int, int]], output: Tensor, element: np.ndarray
) -> Lowered:
    fill: tuple[KernelCall, ...] = fill_calls(output, element)
    middle = _middle(source, pads, output)
    copy = copies(source, View.whole(source.shape), output, middle)
    return Lowered(fill + copy, detail=_text(pads))


def _middle(source: Tensor, pads: list[tuple[int, int]], output: Tensor) -> View:
    """Where the input lies in the output."""
    view = View.whole(output.shape)
    for axis, (before, _) in enumerate(pads):
        view = view.sliced(axis, before, source.shape[axis])
    return view


def _operands(operator: Operator, count: int) -> tuple[Tensor, list[tuple[int, int]], Tensor]:
    checks.operands(operator, least=count)
    source, amounts = checks.operand(operator, 0), checks.operand(operator, 1)
    output = operator.outputs[0]
    checks.moved(operator, source, output)
    checks.shape(amounts, (len(source.shape), 2))
    values = checks.integers(amounts, _PADDINGS)
    if any(value < 0 for value in values):
        SHAPES.refuse(f"paddings {values} are negative")
    pads = list(zip(values[::2], values[1::2], strict=True))
    checks.shape(output, [n + a + b for n, (a, b) in zip(source.shape, pads, strict=True)])
    return source, pads, output


def _text(pads: list[tuple[int, int]]) -> str:
    return "by " + " ".join(f"{before}+{after}" for before, after in pads)
