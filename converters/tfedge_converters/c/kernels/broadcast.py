"""NumPy-style broadcasting, merged into the six loops of the C kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfedge_converters.c.kernel_call import Param
from tfedge_converters.c.limits import SHAPES, Limit
from tfedge_converters.graph.types import Tensor

_LOOPS = 6
BROADCASTING = Limit(f"broadcasting along at most {_LOOPS} separate dimensions")


def merge(a: tuple[int, ...], b: tuple[int, ...], output: Tensor) -> dict[str, Param]:
    """Extents and operand steps of a tfedge_broadcast.

    Raises:
        RefusedError: the shapes do not broadcast to the output's, or need more than six loops.
    """
    extents, steps = loops((a, b), output)
    return {"extent": extents, "a": steps[0], "b": steps[1]}


def loops(
    shapes: Sequence[tuple[int, ...]], output: Tensor
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The extents of six loops over the output, and the steps of each operand along them.

    Neighbouring dimensions that all operands go through in the same way become one.

    Raises:
        RefusedError: the shapes do not broadcast to the output's, or need more than six loops.
    """
    words = " and ".join(map(str, shapes))
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        SHAPES.refuse(f"shapes {words} do not broadcast")
    if shape != output.shape or 0 in shape:
        SHAPES.refuse(f"'{output.name}' has shape {output.shape} where {shape} follows")
    padded = [(1,) * (len(shape) - len(operand)) + operand for operand in shapes]
    extents: list[int] = []
    repeats: list[tuple[bool, ...]] = []
    for size, *sizes in zip(shape, *padded, strict=True):
        repeat = tuple(operand == 1 for operand in sizes)
        if size == 1:
            continue
        if repeats and repeats[-1] == repeat:
            extents[-1] *= size
        else:
            extents.append(size)
            repeats.append(repeat)
    if len(extents) > _LOOPS:
        BROADCASTING.refuse(f"shapes {words} broadcast along too many separate dimensions")
    missing = _LOOPS - len(extents)
    extents = [1] * missing + extents
    repeats = [(True,) * len(shapes)] * missing + repeats
    steps = [_steps(extents, [repeat[i] for repeat in repeats]) for i in range(len(shapes))]
    return tuple(extents), steps


def _steps(extents: list[int], repeats: list[bool]) -> tuple[int, ...]:
    steps = []
    step = 1
    for extent, repeat in zip(reversed(extents), reversed(repeats), strict=True):
        steps.append(0 if repeat else step)
        step *= 1 if repeat else extent
    return tuple(reversed(steps))
