"""Constants of tfedge_requantize_lanes.h, by which kernels for lanes of vectors requantise sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfedge_converters.c import lane_packing
from tfedge_converters.c.kernel_call import Constant, Param

INT8 = (-128, 127)


@dataclass(frozen=True, eq=False)
class ChannelConstants:
    """Constants of the channels, int32 arrays of shape (channels,).

    Attributes:
        bias: the input's zero point is folded into it.
        multiplier: Q0.31.
        shift: -31 to -1, to the right.
    """

    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray

    @staticmethod
    def of(sums: Mapping[str, Any]) -> ChannelConstants | None:
        """Those of a natural kernel, whose multipliers may be one for all channels.

        Args:
            sums: parameters of tfedge_matmul_s8 or tfedge_depthwise_conv_2d_s8.

        Returns:
            None where a shift is not to the right, which kernels for lanes do not compute.
        """
        bias = sums["bias"].values
        multiplier = np.broadcast_to(sums["multiplier"].values, bias.shape)
        # A multiplier of 0 makes 0 of everything, whatever its shift.
        shift = np.where(multiplier == 0, -1, np.broadcast_to(sums["shift"].values, bias.shape))
        return None if shift.max() >= 0 else ChannelConstants(bias, multiplier, shift)

    @property
    def columns(self) -> np.ndarray:
        """Shape (3, channels)."""
        return np.stack([self.bias, self.multiplier, self.shift]).astype(np.int32)

    def rows(self) -> Constant:
        """The constants of four channels at a time."""
        rows = lane_packing.requantization_rows(self.columns)
        return Constant("rows", rows, "[channels / 4]: biases, multipliers, shifts")


def output_fields(sums: Mapping[str, Any]) -> dict[str, Param]:
    """Return the fields of a tfedge_lanes_output."""
    return {
        "zero_point": sums["output_zero_point"],
        "min": sums["output_min"],
        "max": sums["output_max"],
    }


def is_limited_by_int8(sums: Mapping[str, Any]) -> bool:
    """Whether the fused activation leaves all of int8."""
    return (sums["output_min"], sums["output_max"]) == INT8
