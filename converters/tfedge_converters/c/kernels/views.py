"""Strided views of tensors, and the copies between them that movement operators are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.limits import SAME_GRID, AtMost
from tfedge_converters.graph.types import Tensor

_LOOPS = 6

# Copies that one operator may become where the kernel's loops do not suffice.
COPIES = AtMost(64, f"copies of {_LOOPS} nested loops")

# What whoever calls `copies` or `moved` refuses, once `checks.moved` has looked at the tensors.
COPYING = (SAME_GRID, COPIES)


@dataclass(frozen=True)
class View:
    """Elements of a tensor in an order of one's own: element (i, j, …) of a view is element
    `offset + i * steps[0] + j * steps[1] + …` of the tensor."""

    shape: tuple[int, ...]
    steps: tuple[int, ...]
    offset: int = 0

    @staticmethod
    def whole(shape: Sequence[int]) -> View:
        """A tensor of this shape as it lies in memory."""
        steps = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        return View(tuple(shape), tuple(steps))

    def transposed(self, order: Sequence[int]) -> View:
        """Dimension i of the result is dimension order[i] of this view."""
        return View(
            tuple(self.shape[axis] for axis in order),
            tuple(self.steps[axis] for axis in order),
            self.offset,
        )

    def sliced(self, axis: int, start: int, count: int, stride: int = 1) -> View:
        """Positions start, start + stride, … of a dimension; all must exist."""
        step = self.steps[axis]
        cut = replace(self, offset=self.offset + start * step)
        return cut._with(axis, (count,), (step * stride,))

    def at(self, axis: int, position: int) -> View:
        """One position of a dimension, which goes."""
        return self.sliced(axis, position, 1)._with(axis, (), ())

    def divided(self, axis: int, inner: int) -> View:
        """A dimension as two: [size / inner][inner]."""
        step = self.steps[axis]
        return self._with(axis, (self.shape[axis] // inner, inner), (step * inner, step))

    def repeated(self, axis: int, count: int) -> View:
        """A new dimension before `axis`, of `count` times the same elements."""
        steps = (*self.steps[:axis], 0, *self.steps[axis:])
        return View((*self.shape[:axis], count, *self.shape[axis:]), steps, self.offset)

    def _with(self, axis: int, shape: tuple[int, ...], steps: tuple[int, ...]) -> View:
        return View(
            (*self.shape[:axis], *shape, *self.shape[axis + 1 :]),
            (*self.steps[:axis], *steps, *self.steps[axis + 1 :]),
            self.offset,
        )


@dataclass(frozen=True)
class _Loop:
    extent: int
    input: int
    output: int


def copies(source: Tensor, taken: View, output: Tensor, put: View) -> tuple[KernelCall, ...]:
    """Copy one view of `source` to a view of `output` of the same shape and element type.

    Raises:
        RefusedError: it would take too many calls of the kernel.
    """
    assert taken.shape == put.shape, (taken, put)
    loops = _merged(taken, put)
    outer, loops = _excess(loops)
    if math.prod(loop.extent for loop in outer) > COPIES.most:
        COPIES.refuse(
            f"copying from shape {source.shape} to {output.shape} takes too many separate loops"
        )
    size = output.byte_size // output.elements
    block = size
    if loops and loops[-1].input == loops[-1].output == 1:
        block *= loops[-1].extent
        loops = loops[:-1]
    return tuple(
        _copy(source, output, size, block, loops, taken.offset + start, put.offset + end)
        for start, end in _starts(outer)
    )


def moved(
    source: Tensor, taken: View, output: Tensor, put: View | None = None, detail: str = ""
) -> Lowered:
    """An operator that copies a view of its source to a view of all of its output.

    Where both go through memory alike, the output is the source's memory, or its beginning; unless
    one of them is kept between invocations.
    """
    put = View.whole(taken.shape) if put is None else put
    if source.is_variable or output.is_variable:
        return Lowered(copies(source, taken, output, put), detail=detail)
    if taken.offset == put.offset and all(
        loop.input == loop.output for loop in _merged(taken, put)
    ):
        return Lowered(alias_of=source, detail=detail)
    return Lowered(copies(source, taken, output, put), detail=detail)


def _merged(taken: View, put: View) -> list[_Loop]:
    """The loops, of which neighbours that go through memory as one are one."""
    loops: list[_Loop] = []
    for loop in map(_Loop, taken.shape, taken.steps, put.steps):
        if loop.extent == 1:
            continue
        if loops and (loops[-1].input, loops[-1].output) == (
            loop.input * loop.extent,
            loop.output * loop.extent,
        ):
            loops[-1] = _Loop(loops[-1].extent * loop.extent, loop.input, loop.output)
        else:
            loops.append(loop)
    return loops


def _excess(loops: list[_Loop]) -> tuple[list[_Loop], list[_Loop]]:
    """The shortest loops, which calls of their own have to go through, and the kernel's."""
    has_block = bool(loops) and loops[-1].input == loops[-1].output == 1
    excess = max(len(loops) - _LOOPS - has_block, 0)
    candidates = loops[:-1] if has_block else loops
    outer = sorted(candidates, key=lambda loop: loop.extent)[:excess]
    return outer, [loop for loop in loops if not any(loop is other for other in outer)]


def _starts(loops: Sequence[_Loop]) -> Iterator[tuple[int, int]]:
    for position in itertools.product(*(range(loop.extent) for loop in loops)):
        yield (
            sum(i * loop.input for i, loop in zip(position, loops, strict=True)),
            sum(i * loop.output for i, loop in zip(position, loops, strict=True)),
        )


def _copy(
    source: Tensor,
    output: Tensor,
    size: int,
    block: int,
    loops: Sequence[_Loop],
    start: int,
    end: int,
) -> KernelCall:
    missing = _LOOPS - len(loops)
    return KernelCall(
        kernel="copy_bytes",
        header="copy_bytes",
        struct="copy_bytes",
        params={
            "block_bytes": block,
            "input_offset": start * size,
            "output_offset": end * size,
            "extent": (1,) * missing + tuple(loop.extent for loop in loops),
            "input_step": (0,) * missing + tuple(loop.input * size for loop in loops),
            "output_step": (0,) * missing + tuple(loop.output * size for loop in loops),
        },
        operands=(source,),
        output=output,
    )
