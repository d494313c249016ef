"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfedge_converters.arithmetic.resampling import bilinear_positions, nearest_positions
from tfedge_converters.c.arrays import stored_dtype
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.limits import SAME_GRID, SHAPES, AtMost, ConstantOperand, Limit
from tfedge_converters.c.registry import LITERT, kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

# Tables of positions are int16.
_SIDES = AtMost(1 << 15, "pixels a side")

SIZE = ConstantOperand("the size")
INSIDE = Limit("not where the reference reads outside its input")
_LIMITS = (SIZE, _SIDES, INSIDE, SAME_GRID)

_Positions = Callable[[int, int, bool, bool], np.ndarray]


@kernel("RESIZE_NEAREST_NEIGHBOR", "int8 int16 float32", limits=_LIMITS)
def lower_resize_nearest_neighbor(operator: Operator) -> Lowered:
    """Copies of the input's pixels."""
    source, output = resize_operands(operator, _SIDES)
    rows, columns = _tables(operator, source, output, nearest_positions)
    params: dict[str, Param] = {
        "batches": source.shape[0],
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "output_height": output.shape[1],
        "output_width": output.shape[2],
        "pixel_bytes": source.shape[3] * stored_dtype(source.type).itemsize,
        "rows": Constant("rows", rows, "input row of each output row"),
        "columns": Constant("columns", columns, "input column of each output column"),
    }
    return _call(source, output, "resize_nearest_bytes", params)


@kernel("RESIZE_BILINEAR", "int8", limits=_LIMITS)
@kernel("RESIZE_BILINEAR", "int16", limits=_LIMITS, oracle=LITERT)
def lower_resize_bilinear(operator: Operator) -> Lowered:
    """Pixels between four pixels of the input, at fractions of 1/1024."""
    source, output = resize_operands(operator, _SIDES)
    if operator.options.alignCorners and operator.options.halfPixelCenters:
        SHAPES.refuse("align_corners and half_pixel_centers exclude each other")
    rows, columns = _tables(operator, source, output, bilinear_positions)
    params: dict[str, Param] = {
        "batches": source.shape[0],
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "channels": source.shape[3],
        "output_height": output.shape[1],
        "output_width": output.shape[2],
        "rows": Constant("rows", rows, "lower and upper input row, and 1024 * fraction"),
        "columns": Constant("columns", columns, "lower and upper input column, 1024 * fraction"),
    }
    return _call(source, output, f"resize_bilinear_{checks.activations(source)}", params)


def resize_operands(operator: Operator, sides: AtMost) -> tuple[Tensor, Tensor]:
    """Check the image and its result, of one type, and on one grid if they are integers.

    Args:
        operator: a RESIZE of any kind.
        sides: how long sides of images may be.

    Raises:
        RefusedError: they do not fit each other, the size or the limit.
    """
    checks.operands(operator, least=2)
    source, size = checks.operand(operator, 0), checks.operand(operator, 1)
    output = operator.outputs[0]
    if checks.numbers(source, output) != checks.REAL_WIDTH:
        checks.same_quantization(operator, source, output)
    checks.rank(source, 4)
    checks.rank(output, 4)
    checks.shape(output, (source.shape[0], *output.shape[1:3], source.shape[3]))
    values = SIZE.values(size)
    if size.type != TensorType.INT32 or values.reshape(-1).tolist() != list(output.shape[1:3]):
        SHAPES.refuse(f"its size {values.tolist()} is not that of {output.shape}")
    sides.refuse_above(
        max(*source.shape[1:3], *output.shape[1:3]),
        f"sides may be {sides.most} pixels long at most",
    )
    return source, output


def _tables(
    operator: Operator, source: Tensor, output: Tensor, positions: _Positions
) -> tuple[np.ndarray, np.ndarray]:
    options = operator.options
    corners = (bool(options.alignCorners), bool(options.halfPixelCenters))
    tables = [positions(source.shape[axis], output.shape[axis], *corners) for axis in (1, 2)]
    for axis, table in zip((1, 2), tables, strict=True):
        if table.reshape(len(table), -1)[:, 0].max() >= source.shape[axis]:
            INSIDE.refuse(
                f"growing a side from {source.shape[axis]} to {output.shape[axis]} pixels makes "
                "the reference read outside its input; use another size, or several steps"
            )
    rows, columns = (table.astype(np.int16) for table in tables)
    return rows, columns


def _call(source: Tensor, output: Tensor, kernel: str, params: dict[str, Param]) -> Lowered:
    call = KernelCall(
        kernel=kernel,
        header=kernel,
        struct=kernel,
        params=params,
        operands=(source,),
        output=output,
    )
    return Lowered((call,))
