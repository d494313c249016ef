"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

from tfedge_converters.c.kernel_call import KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.geometry import WINDOWS, slide
from tfedge_converters.c.kernels.requantization import FUSED, output_limits, real_limits
from tfedge_converters.c.limits import SAME_GRID, AtMost
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

# uint8 averages round halves up, which is away from zero once all values are positive.
_UNSIGNED_OFFSET = 128

# The sum of a larger window could leave int32.
_WINDOW = {
    "s8": AtMost(1 << 23, "values a window in int8"),
    "s16": AtMost(1 << 15, "values a window in int16"),
}
_LIMITS = (SAME_GRID, WINDOWS, FUSED, *_WINDOW.values())


@kernel("AVERAGE_POOL_2D", "int8 int16 float32", limits=_LIMITS)
def lower_average_pool_2d(operator: Operator) -> Lowered:
    """The mean of each window's positions that lie within the input."""
    return _lower_pool(operator, "average_pool_2d")


@kernel("MAX_POOL_2D", "int8 int16 float32", limits=_LIMITS)
def lower_max_pool_2d(operator: Operator) -> Lowered:
    """The largest of each window's positions that lie within the input."""
    return _lower_pool(operator, "max_pool_2d")


def _lower_pool(operator: Operator, kernel: str) -> Lowered:
    checks.operands(operator, least=1)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    width = checks.numbers(source, output)
    checks.rank(source, 4)
    o = operator.options
    if width != checks.REAL_WIDTH:
        checks.same_quantization(operator, source, output)
        window = min(o.filterHeight, source.shape[1]) * min(o.filterWidth, source.shape[2])
        _WINDOW[width].refuse_above(window, f"the sum of {window} values could overflow 32 bits")
    rows = slide(source.shape[1], o.filterHeight, o.strideH, 1, o.padding)
    columns = slide(source.shape[2], o.filterWidth, o.strideW, 1, o.padding)
    checks.shape(output, (source.shape[0], rows.output, columns.output, source.shape[3]))
    params: dict[str, Param] = {
        "batches": source.shape[0],
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "channels": source.shape[3],
        "output_height": rows.output,
        "output_width": columns.output,
        "kernel_height": o.filterHeight,
        "kernel_width": o.filterWidth,
        "stride_y": o.strideH,
        "stride_x": o.strideW,
        "pad_top": rows.before,
        "pad_left": columns.before,
        **_limits(output, o.fusedActivationFunction),
    }
    if width == "s8":
        params["offset"] = _UNSIGNED_OFFSET if operator.uint8_semantics else 0
    call = KernelCall(
        kernel=f"{kernel}_{width}",
        header=f"pool_2d_{width}",
        struct=f"pool_2d_{width}",
        params=params,
        operands=(source,),
        output=output,
    )
    return Lowered((call,), detail=f"{o.filterHeight}x{o.filterWidth}")


def _limits(output: Tensor, activation: int) -> dict[str, Param]:
    if output.type == TensorType.FLOAT32:
        return real_limits(activation)
    low, high = output_limits(output, activation)
    return {"output_min": low, "output_max": high}
