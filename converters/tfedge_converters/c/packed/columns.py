"""Columns of the rows that a convolution sees: tfedge_columns_s8.h."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfedge_converters.c.kernel_call import KernelCall, Param
from tfedge_converters.c.packed.row_window import overlap, strides

# What a tfedge_columns_s8_params has of the natural kernel's.
_WINDOW_FIELDS = (
    "input_height",
    "input_width",
    "input_channels",
    "kernel_height",
    "pad_top",
    "pad_left",
    "input_zero_point",
)


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a convolution without dilation.

    Attributes:
        fields: of the kernel's parameters, but for the product's.
        weights: int8, (channels, depth), in the order of a window's values.
        scratch_bytes: of the columns and a pixel of zero points.
    """

    fields: Mapping[str, Param]
    weights: np.ndarray
    scratch_bytes: int

    @staticmethod
    def of(params: Mapping[str, Any]) -> Columns:
        """The columns for a natural convolution.

        Args:
            params: its.
        """
        matmul, depth = params["matmul"], params["input_channels"]
        taps = (matmul["channels"], params["kernel_height"], params["kernel_width"], depth)
        weights = matmul["weights"].values.reshape(taps).transpose(0, 2, 1, 3)
        seen = (params["output_width"] - 1) * params["stride_x"] + params["kernel_width"]
        columns = max(params["pad_left"] + params["input_width"], seen)
        stride_y, stride_x = strides(params)
        window = {name: params[name] for name in _WINDOW_FIELDS}
        fields: dict[str, Param] = {
            "batches": params["batches"],
            "output_height": params["output_height"],
            "output_width": params["output_width"],
            "stride_x": stride_x,
            "window": window | {"stride_y": stride_y, "columns": columns},
        }
        scratch_bytes = depth + columns * params["kernel_height"] * depth
        return Columns(fields, weights.reshape(matmul["channels"], -1), scratch_bytes)


def columns_call(
    call: KernelCall, kernel: str, columns: Columns, product: Mapping[str, Param], sums_bytes: int
) -> KernelCall:
    """A convolution on columns of its input.

    Args:
        call: of the natural kernel.
        kernel: the packed one.
        columns: of the same.
        product: parameters of the packed product.
        sums_bytes: of scratch memory that it asks for.
    """
    channels = call.output.shape[-1]
    return call.packed_as(
        kernel,
        {**columns.fields, "matmul": product},
        scratch_bytes=sums_bytes + columns.scratch_bytes,
        **overlap(call.params, channels),
    )
