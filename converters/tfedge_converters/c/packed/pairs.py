"""Kernels that make two products with an instruction.

Cortex-M4, M7 and M33 have the DSP extension for that; Cortex-M0, M0+, M3 and RISC-V multiply words
that have two values.
"""

from __future__ import annotations

from tfedge_converters.c.packed import depthwise, elementwise, matrices, pooling

KERNELS = {
    "add_linear_s8": elementwise.repacked_add,
    "average_pool_2d_s8": pooling.repacked_average_pool,
    "conv_2d_s8": matrices.repacked_convolution,
    "depthwise_conv_2d_s8": depthwise.repacked_depthwise_convolution,
    "fully_connected_s8": matrices.repacked_fully_connected,
}
