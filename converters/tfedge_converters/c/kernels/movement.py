"""Operators that only move values: reshapes, TRANSPOSE, TILE, CONCATENATION, SPLIT, PACK, …

All but the reshapes are strided copies, whose parameters `views` works out.
"""

from __future__ import annotations

from collections.abc import Sequence

from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.views import COPYING, View, copies, moved
from tfedge_converters.c.limits import NO_ACTIVATION, SAME_GRID, SHAPES, ConstantOperand
from tfedge_converters.c.registry import BFP8, LITERT, STORED_TYPES, kernel
from tfedge_converters.graph.types import Operator, Tensor

_ORDER = ConstantOperand("the order of dimensions")
_AXES = ConstantOperand("the axes")
_AXIS = ConstantOperand("the axis")
_MULTIPLES = ConstantOperand("the multiples")
_SHAPE = ConstantOperand("the shape")
_SIZES = ConstantOperand("the sizes")


@kernel("EXPAND_DIMS", f"{STORED_TYPES} {BFP8}", limits=(SAME_GRID,))
@kernel("RESHAPE", f"{STORED_TYPES} {BFP8}", limits=(SAME_GRID,))
@kernel("SQUEEZE", f"{STORED_TYPES} {BFP8}", limits=(SAME_GRID,))
def lower_reshape(operator: Operator) -> Lowered:
    """RESHAPE, SQUEEZE and EXPAND_DIMS: another view of the same memory."""
    checks.operands(operator, least=1, most=2)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.moved(operator, source, output)
    if source.elements != output.elements:
        SHAPES.refuse(f"{source.shape} does not become {output.shape}")
    return Lowered(alias_of=source)


@kernel("TRANSPOSE", STORED_TYPES, limits=(_ORDER, *COPYING))
def lower_transpose(operator: Operator) -> Lowered:
    """Dimensions in another, constant order."""
    source, order, output = _source_and_constant(operator, _ORDER)
    rank = len(source.shape)
    axes = [checks.axis(axis, rank) for axis in order]
    if sorted(axes) != list(range(rank)):
        SHAPES.refuse(f"{order} is no order of {rank} dimensions")
    taken = View.whole(source.shape).transposed(axes)
    checks.shape(output, taken.shape)
    return moved(source, taken, output, detail=f"to {tuple(axes)}")


@kernel("REVERSE_V2", STORED_TYPES, limits=(_AXES, *COPYING))
def lower_reverse(operator: Operator) -> Lowered:
    """REVERSE_V2: constant axes backwards."""
    source, axes, output = _source_and_constant(operator, _AXES)
    checks.shape(output, source.shape)
    taken = View.whole(source.shape)
    for axis in {checks.axis(axis, len(source.shape)) for axis in axes}:
        size = source.shape[axis]
        taken = taken.sliced(axis, size - 1, size, -1)
    return moved(source, taken, output, detail=f"along {tuple(axes)}")


@kernel("TILE", STORED_TYPES, limits=(_MULTIPLES, *COPYING), oracle=LITERT)
def lower_tile(operator: Operator) -> Lowered:
    """Every dimension a constant number of times."""
    source, multiples, output = _source_and_constant(operator, _MULTIPLES)
    if len(multiples) != len(source.shape):
        SHAPES.refuse(f"{multiples} are no multiples of shape {source.shape}")
    checks.shape(output, [n * m for n, m in zip(source.shape, multiples, strict=True)])
    taken, put = View.whole(source.shape), View.whole(output.shape)
    for axis in reversed(range(len(multiples))):
        taken = taken.repeated(axis, multiples[axis])
        put = put.divided(axis, source.shape[axis])
    return moved(source, taken, output, put, detail="x".join(map(str, multiples)))


@kernel("BROADCAST_TO", STORED_TYPES, limits=(_SHAPE, *COPYING))
def lower_broadcast_to(operator: Operator) -> Lowered:
    """NumPy's broadcasting to a constant shape."""
    source, shape, output = _source_and_constant(operator, _SHAPE)
    checks.shape(output, shape)
    return broadcast(source, output)


def broadcast(source: Tensor, output: Tensor) -> Lowered:
    """A copy that repeats dimensions of size 1, and those that the source lacks."""
    missing = len(output.shape) - len(source.shape)
    if missing < 0 or any(
        small not in (1, size)
        for small, size in zip(source.shape, output.shape[missing:], strict=True)
    ):
        SHAPES.refuse(f"shape {source.shape} does not broadcast to {output.shape}")
    shape = (1,) * missing + source.shape
    steps = (0,) * missing + View.whole(source.shape).steps
    taken = View(
        output.shape,
        tuple(0 if size == 1 else step for size, step in zip(shape, steps, strict=True)),
    )
    return moved(source, taken, output)


@kernel("CONCATENATION", STORED_TYPES, limits=(NO_ACTIVATION, *COPYING))
def lower_concatenation(operator: Operator) -> Lowered:
    """One copy an operand, all of one scale and zero point."""
    parts, output = _several_to_one(operator)
    if operator.options.fusedActivationFunction != schema.ActivationFunctionType.NONE:
        NO_ACTIVATION.refuse("a fused activation is not supported here")
    axis = checks.axis(operator.options.axis, len(output.shape))
    sizes = [_size_along(axis, part, output) for part in parts]
    _check_sum(sizes, axis, output)
    return Lowered(
        tuple(
            call
            for part, view in zip(parts, _cut(View.whole(output.shape), axis, sizes), strict=True)
            for call in copies(part, View.whole(part.shape), output, view)
        ),
        detail=f"along axis {axis}",
    )


@kernel("PACK", STORED_TYPES, limits=COPYING)
def lower_pack(operator: Operator) -> Lowered:
    """Operands of one shape side by side along a new axis."""
    parts, output = _several_to_one(operator)
    axis = checks.axis(operator.options.axis, len(output.shape))
    checks.count(operator.options.valuesCount, len(parts), "operands")
    _check_sum([1] * len(parts), axis, output)
    whole = View.whole(output.shape)
    calls: list[KernelCall] = []
    for index, part in enumerate(parts):
        checks.shape(part, (*output.shape[:axis], *output.shape[axis + 1 :]))
        calls += copies(part, View.whole(part.shape), output, whole.at(axis, index))
    return Lowered(tuple(calls), detail=f"along axis {axis}")


@kernel("UNPACK", STORED_TYPES, limits=COPYING)
def lower_unpack(operator: Operator) -> Lowered:
    """Every position of an axis as an output of its own."""
    source, outputs = _one_to_several(operator, 0, least=1)
    axis = checks.axis(operator.options.axis, len(source.shape))
    checks.count(operator.options.num, len(outputs), "results")
    _check_sum([1] * len(outputs), axis, source)
    whole = View.whole(source.shape)
    calls: list[KernelCall] = []
    for index, output in enumerate(outputs):
        taken = whole.at(axis, index)
        checks.shape(output, taken.shape)
        calls += copies(source, taken, output, View.whole(output.shape))
    return Lowered(tuple(calls), detail=f"along axis {axis}")


@kernel("SPLIT", STORED_TYPES, limits=(_AXIS, *COPYING))
def lower_split(operator: Operator) -> Lowered:
    """Equal parts along a constant axis, which is the first operand."""
    source, outputs = _one_to_several(operator, 1, least=2)
    checks.count(operator.options.numSplits, len(outputs), "results")
    return _split(source, outputs, checks.operand(operator, 0))


@kernel("SPLIT_V", STORED_TYPES, limits=(_AXIS, _SIZES, *COPYING))
def lower_split_v(operator: Operator) -> Lowered:
    """Parts of constant sizes along a constant axis; one size may be -1, for what is left."""
    source, outputs = _one_to_several(operator, 0, least=3)
    sizes = checks.integers(checks.operand(operator, 1), _SIZES)
    axis = checks.operand(operator, 2)
    lowered = _split(source, outputs, axis)
    along = checks.axis(checks.integers(axis, _AXIS)[0], len(source.shape))
    actual = [output.shape[along] for output in outputs]
    if len(sizes) != len(actual) or any(
        size not in (-1, real) for size, real in zip(sizes, actual, strict=True)
    ):
        SHAPES.refuse(f"outputs of sizes {actual} do not follow from {sizes}")
    return lowered


def _split(source: Tensor, outputs: Sequence[Tensor], axis_operand: Tensor) -> Lowered:
    values = checks.integers(axis_operand, _AXIS)
    if len(values) != 1:
        SHAPES.refuse(f"it has {len(values)} axes where 1 is possible")
    axis = checks.axis(values[0], len(source.shape))
    sizes = [_size_along(axis, output, source) for output in outputs]
    _check_sum(sizes, axis, source)
    return Lowered(
        tuple(
            call
            for output, view in zip(
                outputs, _cut(View.whole(source.shape), axis, sizes), strict=True
            )
            for call in copies(source, view, output, View.whole(output.shape))
        ),
        detail=f"along axis {axis}",
    )


def _cut(view: View, axis: int, sizes: Sequence[int]) -> list[View]:
    """Neighbouring pieces of a view."""
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    return [view.sliced(axis, start, size) for start, size in zip(starts, sizes, strict=True)]


def _size_along(axis: int, part: Tensor, whole: Tensor) -> int:
    """The size along `axis` of a tensor that has the shape of another everywhere else."""
    if len(part.shape) != len(whole.shape):
        SHAPES.refuse(f"'{part.name}' has shape {part.shape}, but '{whole.name}' {whole.shape}")
    size = part.shape[axis]
    checks.shape(part, (*whole.shape[:axis], size, *whole.shape[axis + 1 :]))
    return size


def _check_sum(sizes: Sequence[int], axis: int, whole: Tensor) -> None:
    if sum(sizes) != whole.shape[axis]:
        SHAPES.refuse(f"sizes {list(sizes)} do not add up to axis {axis} of shape {whole.shape}")


def _source_and_constant(
    operator: Operator, constant: ConstantOperand
) -> tuple[Tensor, list[int], Tensor]:
    checks.operands(operator, least=2)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.moved(operator, source, output)
    return source, checks.integers(checks.operand(operator, 1), constant), output


def _several_to_one(operator: Operator) -> tuple[list[Tensor], Tensor]:
    checks.operands(operator, least=1, most=len(operator.inputs))
    parts = [checks.operand(operator, index) for index in range(len(operator.inputs))]
    checks.moved(operator, operator.outputs[0], *parts)
    return parts, operator.outputs[0]


def _one_to_several(operator: Operator, index: int, least: int) -> tuple[Tensor, list[Tensor]]:
    checks.operands(operator, least=least, outputs=None)
    source = checks.operand(operator, index)
    checks.moved(operator, source, *operator.outputs)
    return source, operator.outputs
