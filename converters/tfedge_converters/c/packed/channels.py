"""Kernels for cores with the vector extension RVV: RISC-V with Zve32x or V."""

from __future__ import annotations

from tfedge_converters.c.packed import channel_depthwise, channel_products, lane_elementwise

KERNELS = {
    "add_linear_s8": lane_elementwise.repacked_add,
    "average_pool_2d_s8": lane_elementwise.repacked_average_pool,
    "conv_2d_s8": channel_products.repacked_convolution,
    "depthwise_conv_2d_s8": channel_depthwise.repacked_depthwise_convolution,
    "fully_connected_s8": channel_products.repacked_fully_connected,
}
