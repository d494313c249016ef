"""Vectors of a depthwise convolution's rows of outputs, and the taps that they see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfedge_converters.c.kernel_call import KernelCall, Param
from tfedge_converters.c.packed.row_window import strides

# Scratch memory that is worth the speed whatever tensors take.
_CHEAP_BYTES = 4096


def is_affordable(call: KernelCall, scratch_bytes: int) -> bool:
    """Whether dilated taps do not lie so far apart that their rows take more than the tensors.

    Args:
        call: of the natural kernel.
        scratch_bytes: of the rows.
    """
    tensors = call.operands[0].byte_size + call.output.byte_size
    return scratch_bytes <= max(tensors, _CHEAP_BYTES)


def vector_fields(params: Mapping[str, Any], lanes: int, blocks: str) -> dict[str, Param]:
    """Return the vectors of an output row: of one pixel's channels, or of several pixels'.

    Args:
        params: of the natural kernel.
        lanes: values of a vector.
        blocks: what the kernel calls the vectors of a pixel's channels.
    """
    channels = params["input_channels"]
    values = params["output_width"] * channels
    if strides(params)[1] == 1 and lanes % channels == 0:
        return {
            blocks: 1,
            "steps": -(-values // lanes),
            "input_step": lanes,
            "output_step": lanes,
            "values": values,
            "values_step": lanes,
        }
    return {
        blocks: -(-channels // lanes),
        "steps": params["output_width"],
        "input_step": strides(params)[1] * channels,
        "output_step": channels,
        "values": channels,
        "values_step": 0,
    }


def tap_offsets(params: Mapping[str, Any], row: int) -> np.ndarray:
    """Where taps lie behind the first one.

    Args:
        params: of the natural kernel.
        row: values of a row of the window.
    """
    y, x = np.indices((params["kernel_height"], params["kernel_width"])).reshape(2, -1)
    offsets = y * params["dilation_y"] * row + x * params["dilation_x"] * params["input_channels"]
    return offsets.astype(np.int32)
