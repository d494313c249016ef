"""Kernels for cores with the vector extension MVE: Cortex-M55 and M85."""

from __future__ import annotations

from tfedge_converters.c.packed import lane_depthwise, lane_elementwise, lane_products

KERNELS = {
    "add_linear_s8": lane_elementwise.repacked_add,
    "average_pool_2d_s8": lane_elementwise.repacked_average_pool,
    "conv_2d_s8": lane_products.repacked_convolution,
    "depthwise_conv_2d_s8": lane_depthwise.repacked_depthwise_convolution,
    "fully_connected_s8": lane_products.repacked_fully_connected,
}
