"""Kernels for cores with the DSP extension: Cortex-M4, M7 and M33."""

from __future__ import annotations

from tfedge_converters.c.packed import depthwise, elementwise, matrices, pooling

KERNELS = {
    "add_linear_s8": elementwise.repacked_add,
    "average_pool_2d_s8": pooling.repacked_average_pool,
    "conv_2d_s8": matrices.repacked_convolution,
    "depthwise_conv_2d_s8": depthwise.repacked_depthwise_convolution,
    "fully_connected_s8": matrices.repacked_fully_connected,
}
