"""Exchanges between space and depth, and between space and batch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.filling import fill_calls
from tfedge_converters.c.kernels.padding import zero
from tfedge_converters.c.kernels.views import COPYING, View, copies, moved
from tfedge_converters.c.limits import SHAPES, AtMost, ConstantOperand, Limit
from tfedge_converters.c.registry import LITERT, STORED_TYPES, kernel
from tfedge_converters.graph.types import Operator, Tensor

# Every position within a block is a copy of its own.
_POSITIONS = AtMost(64, "positions a block")
_RANKS = Limit("3 or 4 dimensions")
_BLOCK = ConstantOperand("the block shape")
_EDGES = ConstantOperand("the edges")
_IN_BATCHES = (_RANKS, _POSITIONS, _BLOCK, _EDGES, *COPYING)


@kernel("SPACE_TO_DEPTH", STORED_TYPES, limits=COPYING)
def lower_space_to_depth(operator: Operator) -> Lowered:
    """[n, h, w, c] -> [n, h / block, w / block, block * block * c]."""
    source, output, block = _depth_operands(operator)
    wide, deep = _depth_views(source, output, block)
    return moved(source, wide, output, deep, detail=f"blocks of {block}x{block}")


@kernel("DEPTH_TO_SPACE", STORED_TYPES, limits=COPYING)
def lower_depth_to_space(operator: Operator) -> Lowered:
    """[n, h, w, block * block * c] -> [n, h * block, w * block, c]."""
    source, output, block = _depth_operands(operator)
    wide, deep = _depth_views(output, source, block)
    return moved(source, deep, output, wide, detail=f"blocks of {block}x{block}")


def _depth_operands(operator: Operator) -> tuple[Tensor, Tensor, int]:
    checks.operands(operator, least=1)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.moved(operator, source, output)
    checks.rank(source, 4)
    block = operator.options.blockSize
    if block < 1:
        SHAPES.refuse(f"blocks of {block}x{block} are not possible")
    return source, output, block


def _depth_views(wide: Tensor, deep: Tensor, block: int) -> tuple[View, View]:
    """Both as [n, h / block, w / block, block, block, c]."""
    checks.rank(wide, 4)
    n, height, width, channels = wide.shape
    if height % block or width % block:
        SHAPES.refuse(f"{wide.shape} does not divide into blocks of {block}x{block}")
    checks.shape(deep, (n, height // block, width // block, block * block * channels))
    wide_view = View.whole(wide.shape).divided(2, block).divided(1, block)
    deep_view = View.whole(deep.shape).divided(3, channels).divided(3, block)
    return wide_view.transposed((0, 1, 3, 2, 4, 5)), deep_view


@kernel("SPACE_TO_BATCH_ND", STORED_TYPES, limits=_IN_BATCHES, oracle=LITERT)
def lower_space_to_batch(operator: Operator) -> Lowered:
    """SPACE_TO_BATCH_ND: every position within a block becomes a batch; pads with real zeros."""
    source, output, block, edges = _batch_operands(operator)
    calls: list[KernelCall] = []
    if any(map(any, edges)):
        calls += fill_calls(output, zero(output))
    for wide, batch in _batch_views(source, output, block, edges):
        calls += copies(source, wide, output, batch)
    return Lowered(tuple(calls), detail=f"blocks of {_text(block)}")


@kernel("BATCH_TO_SPACE_ND", STORED_TYPES, limits=_IN_BATCHES)
def lower_batch_to_space(operator: Operator) -> Lowered:
    """BATCH_TO_SPACE_ND: the inverse; what the other pads with, this crops."""
    source, output, block, edges = _batch_operands(operator)
    calls: list[KernelCall] = []
    for wide, batch in _batch_views(output, source, block, edges):
        calls += copies(source, batch, output, wide)
    return Lowered(tuple(calls), detail=f"blocks of {_text(block)}")


_Edges = list[tuple[int, int]]


def _batch_operands(operator: Operator) -> tuple[Tensor, Tensor, list[int], _Edges]:
    checks.operands(operator, least=3)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.moved(operator, source, output)
    block = checks.integers(checks.operand(operator, 1), _BLOCK)
    amounts = checks.integers(checks.operand(operator, 2), _EDGES)
    checks.shape(checks.operand(operator, 2), (len(block), 2))
    rank = len(block) + 2
    if not 3 <= rank <= 4 or len(source.shape) != rank or len(output.shape) != rank:
        _RANKS.refuse(
            f"blocks {block} from shape {source.shape} to {output.shape}: both have a batch, 1 or "
            "2 dimensions with blocks, and channels"
        )
    if min(block) < 1 or min(amounts) < 0 or math.prod(block) > _POSITIONS.most:
        _POSITIONS.refuse(
            f"blocks {block} with edges {amounts}; at most {_POSITIONS.most} positions a block"
        )
    return source, output, block, list(zip(amounts[::2], amounts[1::2], strict=True))


def _batch_views(
    wide: Tensor, batched: Tensor, block: list[int], edges: _Edges
) -> Iterator[tuple[View, View]]:
    """For every position within a block, where its elements lie on both sides."""
    spatial = range(1, 1 + len(block))
    shape = list(batched.shape)
    shape[0] = wide.shape[0] * math.prod(block)
    for axis, size, (before, after) in zip(spatial, block, edges, strict=True):
        total = wide.shape[axis] + before + after
        if total % size:
            SHAPES.refuse(f"{total} does not divide into blocks of {size}")
        shape[axis] = total // size
    shape[-1] = wide.shape[-1]
    checks.shape(batched, shape)
    batches = View.whole(batched.shape).divided(0, wide.shape[0])
    for index, position in enumerate(itertools.product(*map(range, block))):
        wide_view, batch_view = View.whole(wide.shape), batches.at(0, index)
        for axis, size, (before, _), place in zip(spatial, block, edges, position, strict=True):
            # Block b holds the wide position b * size + place - before.
            first = -(-max(before - place, 0) // size)
            last = (wide.shape[axis] - 1 + before - place) // size
            count = max(last - first + 1, 0)
            start = first * size + place - before if count else 0
            wide_view = wide_view.sliced(axis, start, count, size)
            batch_view = batch_view.sliced(axis, first, count)
        if 0 not in wide_view.shape:
            yield wide_view, batch_view


def _text(block: list[int]) -> str:
    return "x".join(map(str, block))
