"""Windows of convolutions and pools."""

from __future__ import annotations

from dataclasses import dataclass

from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.c.kernel_call import Param
from tfedge_converters.c.limits import SHAPES, Limit
from tfedge_converters.graph.types import Operator, Tensor

# Kernels compute positions in and around the input in 32 bits.
_LARGEST_EXTENT = 1 << 29

# The reference keeps strides, dilations and padding in 16 bits, and wraps what is larger.
_LARGEST_STEP = (1 << 15) - 1

WINDOWS = Limit(
    f"sides and kernels, dilated, of at most {_LARGEST_EXTENT:,}; strides, dilations and paddings "
    f"of at most {_LARGEST_STEP:,}"
)


@dataclass(frozen=True)
class Window:
    """One spatial axis of a sliding window.

    Attributes:
        output: the number of output positions.
        before: padding before the first input position.
    """

    output: int
    before: int


def slide(size: int, kernel: int, stride: int, dilation: int, padding: int) -> Window:
    """TFLite's SAME and VALID padding along one axis.

    Raises:
        RefusedError: a stride, dilation or kernel below 1, a kernel larger than a VALID input, one
            whose positions do not fit into 32 bits, or steps or padding that do not fit into 16.
    """
    if min(size, kernel, stride, dilation) < 1:
        SHAPES.refuse(
            f"size {size}, kernel {kernel}, stride {stride}, dilation {dilation}: one is below 1"
        )
    extent = (kernel - 1) * dilation + 1
    if max(size, extent) > _LARGEST_EXTENT or max(stride, dilation) > _LARGEST_STEP:
        WINDOWS.refuse(
            f"size {size}, extent {extent}, stride {stride}, dilation {dilation}: one is too large"
        )
    if padding == schema.Padding.SAME:
        output = -(-size // stride)
        before = max((output - 1) * stride + extent - size, 0) // 2
        if before > _LARGEST_STEP:
            WINDOWS.refuse(f"a padding of {before}; at most {_LARGEST_STEP} is supported")
        return Window(output, before)
    if padding != schema.Padding.VALID:
        SHAPES.refuse(f"padding {padding} is neither SAME nor VALID")
    if extent > size:
        SHAPES.refuse(f"a kernel of extent {extent} does not fit into an input of {size}")
    return Window((size - extent) // stride + 1, 0)


def windows_of(
    operator: Operator, source: Tensor, kernel: tuple[int, int]
) -> tuple[Window, Window]:
    """Slide the kernel of a convolution along the height and the width of its input."""
    o = operator.options
    return (
        slide(source.shape[1], kernel[0], o.strideH, o.dilationHFactor, o.padding),
        slide(source.shape[2], kernel[1], o.strideW, o.dilationWFactor, o.padding),
    )


def steps_of(operator: Operator, windows: tuple[Window, Window]) -> dict[str, Param]:
    """Return the fields of a convolution's parameters for strides, dilations and padding."""
    options = operator.options
    return {
        "stride_y": options.strideH,
        "stride_x": options.strideW,
        "dilation_y": options.dilationHFactor,
        "dilation_x": options.dilationWFactor,
        "pad_top": windows[0].before,
        "pad_left": windows[1].before,
    }


def output_steps(
    output: Tensor, stride: tuple[int, int], first: tuple[int, int]
) -> dict[str, Param]:
    """Return the fields for pixels at every `stride` of the output, from `first` on."""
    _, height, width, channels = output.shape
    return {
        "pixel_step": stride[1] * channels,
        "row_step": stride[0] * width * channels,
        "batch_step": height * width * channels,
        "first_pixel": (first[0] * width + first[1]) * channels,
    }
