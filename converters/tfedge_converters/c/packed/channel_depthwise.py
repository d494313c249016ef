"""DEPTHWISE_CONV_2D in groups of channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfedge_converters.c import channel_packing
from tfedge_converters.c.kernel_call import Constant, KernelCall
from tfedge_converters.c.packed.channel_products import scale_fields
from tfedge_converters.c.packed.lane_sums import ChannelConstants, output_fields
from tfedge_converters.c.packed.row_vectors import is_affordable, tap_offsets, vector_fields
from tfedge_converters.c.packed.row_window import RowWindow, overlap, strides


def repacked_depthwise_convolution(call: KernelCall) -> KernelCall | None:
    """depthwise_conv_2d_s8 with as many outputs as inputs."""
    params: Mapping[str, Any] = call.params
    constants = ChannelConstants.of(params)
    if constants is None or params["depth_multiplier"] != 1:
        return None
    window = RowWindow.of(params, lanes=channel_packing.GROUP)
    if not is_affordable(call, window.scratch_bytes):
        return None
    channels = params["input_channels"]
    taps = params["weights"].values.reshape(-1, channels)
    grouped = _grouped(constants)
    return call.packed_as(
        "depthwise_conv_2d_channels_s8",
        {
            "batches": params["batches"],
            "output_height": params["output_height"],
            "output_row": params["output_width"] * channels,
            "stride_y": strides(params)[0],
            **vector_fields(params, channel_packing.GROUP, "groups"),
            "taps": len(taps),
            "offsets": Constant("offsets", tap_offsets(params, window.row), "of taps"),
            "weights": Constant("weights", channel_packing.taps(taps), "[groups][taps][32]"),
            "bias": Constant("bias", grouped.bias, "less the input's zero point times weights"),
            "scales": scale_fields(grouped),
            "window": window.fields,
            "output": output_fields(params),
        },
        takes_scratch=True,
        scratch_bytes=window.scratch_bytes,
        **overlap(params, channels),
    )


def _grouped(constants: ChannelConstants) -> ChannelConstants:
    """The constants of each value of the vectors; of what no channel has, a shift by 0."""
    columns = channel_packing.taps(constants.columns).transpose(1, 0, 2).reshape(3, -1)
    return ChannelConstants(*np.ascontiguousarray(columns))
