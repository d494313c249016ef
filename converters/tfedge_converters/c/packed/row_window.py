"""Rows of an input that a kernel keeps a padded copy of: tfedge_row_window_s8.h."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfedge_converters.c.kernel_call import Param

# Operands begin at multiples of it.
_WORD = 4


@dataclass(frozen=True)
class RowWindow:
    """The window of a convolution.

    Attributes:
        fields: a tfedge_row_window_s8_params.
        row: bytes of a padded row.
        scratch_bytes: of the rows, and of what vectors that begin in the last one read behind it.
    """

    fields: Mapping[str, Param]
    row: int
    scratch_bytes: int

    @staticmethod
    def of(params: Mapping[str, Any], lanes: int) -> RowWindow:
        """The window for a natural convolution.

        Args:
            params: its.
            lanes: values of the kernel's vectors.
        """
        depth = params["input_channels"]
        seen = (params["output_width"] - 1) * params["stride_x"] + _extent(params, "width", "x")
        row = max(params["pad_left"] + params["input_width"], seen) * depth
        rows = _extent(params, "height", "y")
        fields: dict[str, Param] = {
            "input_height": params["input_height"],
            "input_row": params["input_width"] * depth,
            "rows": rows,
            "row": row,
            "pad_top": params["pad_top"],
            "pad_left": params["pad_left"] * depth,
            "zero_point": params["input_zero_point"],
        }
        return RowWindow(fields, row, rows * row + lanes - 1)


def strides(params: Mapping[str, Any]) -> tuple[int, int]:
    """Along rows and columns; 1 where there is one output, for which a file may say anything."""
    return (
        params["stride_y"] if params["output_height"] > 1 else 1,
        params["stride_x"] if params["output_width"] > 1 else 1,
    )


def overlap(params: Mapping[str, Any], channels: int) -> dict[str, Any]:
    """Fields of a call that writes rows of outputs one by one, each when its rows have been read.

    The output may take over the input's memory: where both begin together, or, of an output that is
    the larger one, where the input lies so far behind that nothing is overwritten unread.

    Args:
        params: of a natural convolution.
        channels: of the output.
    """
    input_row = params["input_width"] * params["input_channels"]
    output_row = params["output_width"] * channels
    input_bytes, output_bytes = (
        params[f"{side}_height"] * row
        for side, row in (("input", input_row), ("output", output_row))
    )
    begins = -(-_lead(params, input_row, output_row) // _WORD) * _WORD
    fits = params["batches"] == 1 and (begins == 0 or begins + input_bytes <= output_bytes)
    return {
        "in_place": (0,) if fits else (),
        "operand_begins": begins if fits else 0,
        "resizes": True,
    }


def _lead(params: Mapping[str, Any], input_row: int, output_row: int) -> int:
    """How far outputs, written from the input's beginning on, get ahead of what was read."""
    lead = 0
    for y in range(params["output_height"]):
        last = y * params["stride_y"] - params["pad_top"] + _extent(params, "height", "y")
        read = min(max(last, 0), params["input_height"])
        if read < params["input_height"]:
            lead = max(lead, (y + 1) * output_row - read * input_row)
    return lead


def _extent(params: Mapping[str, Any], side: str, axis: str) -> int:
    """From the first tap to the last, along one side of a kernel."""
    return (params[f"kernel_{side}"] - 1) * params[f"dilation_{axis}"] + 1
