"""RESIZE_BILINEAR in float32: of real numbers, and as LiteRT's uint8 kernel has it."""

from __future__ import annotations

import numpy as np

from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.resize import INSIDE, SIZE, resize_operands
from tfedge_converters.c.limits import SAME_GRID, SHAPES, AtMost
from tfedge_converters.c.registry import LITERT, kernel
from tfedge_converters.graph.types import Operator, Tensor

# Positions are int16.
_SIDES = AtMost((1 << 15) - 1, "pixels a side")


@kernel("RESIZE_BILINEAR", "uint8", limits=(SIZE, _SIDES, INSIDE, SAME_GRID), oracle=LITERT)
def lower_uint8_resize_bilinear(operator: Operator) -> Lowered:
    """[n, h, w, c], uint8 before it was shifted to int8."""
    source, output = resize_operands(operator, _SIDES)
    checks.int8(source, output)
    return _call(operator, source, output, "resize_bilinear_float_s8")


@kernel("RESIZE_BILINEAR", "float32", limits=(SIZE, _SIDES, INSIDE, SAME_GRID))
def lower_float_resize_bilinear(operator: Operator) -> Lowered:
    """[n, h, w, c] of real numbers."""
    source, output = resize_operands(operator, _SIDES)
    checks.real(source, output)
    return _call(operator, source, output, "resize_bilinear_f32")


def _call(operator: Operator, source: Tensor, output: Tensor, kernel: str) -> Lowered:
    rows, row_fractions = _positions(operator, source, 1)
    columns, column_fractions = _positions(operator, source, 2)
    call = KernelCall(
        kernel=kernel,
        header=kernel,
        struct=kernel,
        params={
            "batches": source.shape[0],
            "input_height": source.shape[1],
            "input_width": source.shape[2],
            "channels": source.shape[3],
            "output_height": output.shape[1],
            "output_width": output.shape[2],
            "rows": Constant("rows", rows, "lower and upper input row"),
            "columns": Constant("columns", columns, "lower and upper input column"),
            "row_fractions": Constant("row_fractions", row_fractions, "from the lower row"),
            "column_fractions": Constant("column_fractions", column_fractions, "from the lower"),
        },
        operands=(source,),
        output=output,
    )
    return Lowered((call,))


def _positions(operator: Operator, source: Tensor, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """int16 array (size, 2) of lower and upper input positions; float32 fractions, shape (size,).

    Raises:
        RefusedError: the options exclude each other, or a position lies outside the input.
    """
    options = operator.options
    before, after = source.shape[axis], operator.outputs[0].shape[axis]
    if options.alignCorners and options.halfPixelCenters:
        SHAPES.refuse("align_corners and half_pixel_centers exclude each other")
    scale = np.float32(before) / np.float32(after)
    if options.alignCorners and after > 1:
        scale = np.float32(before - 1) / np.float32(after - 1)
    places = np.arange(after, dtype=np.float32)
    half = np.float32(0.5)
    places = (places + half) * scale - half if options.halfPixelCenters else places * scale
    lower = np.maximum(np.floor(places), 0).astype(np.int16)
    upper = np.minimum(np.ceil(places), before - 1).astype(np.int16)
    if lower.max() >= before or upper.min() < 0:
        INSIDE.refuse(f"resizing {before} to {after} pixels reads outside the input")
    return np.stack([lower, upper], axis=1), places - lower.astype(np.float32)
