"""1x1 convolutions: products of pixels, which are read where they lie, with weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfedge_converters.c.kernel_call import KernelCall, Param
from tfedge_converters.c.packed.row_window import strides


@dataclass(frozen=True)
class Pixels:
    """Which pixels of the input an output has.

    Attributes:
        rows, pixels: rows, and pixels in each.
        row_step, pixel_step: values from one to the next.
    """

    rows: int
    pixels: int
    row_step: int
    pixel_step: int

    @staticmethod
    def of_rows(rows: int, depth: int) -> Pixels:
        """Those of a dense layer."""
        return Pixels(1, rows, rows * depth, depth)

    @staticmethod
    def of_convolution(params: Mapping[str, Any]) -> Pixels:
        """Those of a natural convolution with 1x1 kernels."""
        depth = params["input_channels"]
        stride_y, stride_x = strides(params)
        return Pixels(
            rows=params["output_height"],
            pixels=params["output_width"],
            row_step=stride_y * params["input_width"] * depth,
            pixel_step=stride_x * depth,
        )

    def are_dense(self, depth: int) -> bool:
        """Whether nothing lies between pixels."""
        return self.rows == 1 and self.pixel_step == depth


def is_pointwise(params: Mapping[str, Any]) -> bool:
    """Whether a natural convolution has 1x1 kernels, and one image."""
    return bool(params["batches"] * params["kernel_height"] * params["kernel_width"] == 1)


def pixels_call(
    call: KernelCall, kernel: str, pixels: Pixels, product: Mapping[str, Param], sums_bytes: int
) -> KernelCall:
    """A product of pixels with weights.

    Args:
        call: of the natural kernel.
        kernel: the packed one.
        pixels: of the input.
        product: parameters of the packed product.
        sums_bytes: of scratch memory that it asks for.
    """
    channels: Any = product["channels"]
    depth: Any = product["depth"]
    is_dense = pixels.are_dense(depth)
    return call.packed_as(
        kernel,
        {
            "rows": pixels.rows,
            "pixels": pixels.pixels,
            "row_step": pixels.row_step,
            "pixel_step": pixels.pixel_step,
            "backwards": int(is_dense and channels > depth),
            "matmul": product,
        },
        takes_scratch=True,
        scratch_bytes=sums_bytes,
        in_place=(0,) if is_dense else (),
        resizes=True,
    )
