"""Flash bytes of kernels that decide what shares code, see `sharing.py`.

For Cortex-M4, or Cortex-M55 or M3 where kernels are for these, by arm-none-eabi-gcc at -O2, and of
kernels for RISC-V's vectors by clang: other cores and -Os hardly change the proportions, and code
for all is shared alike. What code takes on a core is in `code_size.py`. `python
tools/code_sizes.py` prints the rows of new kernels.
"""

from __future__ import annotations

from typing import NamedTuple


class CodeBytes(NamedTuple):
    """Bytes of one kernel, parameters in flash included.

    Attributes:
        instance: the kernel for any shape.
        own: a layer with the body for its literal shape, typically; of a kernel that has none, a
            call.
        call: a layer that calls the instance.
        reaches: keys of INNER_BYTES, functions that are not inlined.
    """

    instance: int
    own: int
    call: int
    reaches: tuple[str, ...] = ()


# The rest of a program: where its inputs lie, and so on; and for each layer, that it is called.
PROGRAM_BYTES = 150
LAYER_BYTES = 8

# Layers that are computed in bands of rows: their loop and its buffers, and for each band.
STREAM_BYTES = 350
TURN_BYTES = 4

# Functions that kernels do not inline.
INNER_BYTES = {
    "blocks_s8_four": 300,
    "entropy_weights_read": 160,
    "entropy_weights_start": 30,
    "int4_weights_read": 96,
    "matmul_channels_s8": 1308,
    "matmul_lanes_s8": 600,
    "matmul_s16_row": 954,
    "matmul_s8_one_row": 800,
    "matmul_s8_two_rows": 1350,
    "pairs_int4_s8_four": 1064,
    "pairs_s8_four": 868,
    "pairs_s8_widen": 124,
    "shared_weights_read": 228,
    "sparse_weights_read": 190,
}

# By kernel, or kernel/variant: which part of the body is left, see `kernel_variants`.
CODE_BYTES = {
    "add_fours_s8": CodeBytes(238, 40, 40),
    "add_lanes_s8": CodeBytes(82, 48, 48),
    "add_linear_s8": CodeBytes(434, 72, 116),
    "add_n_operand_s8": CodeBytes(42, 34, 25),
    "add_n_result_s8": CodeBytes(160, 34, 28),
    "add_s16": CodeBytes(790, 177, 128),
    "add_s8": CodeBytes(814, 142, 140),
    "arg_min_max_s8": CodeBytes(182, 54, 38),
    "average_pool_2d_fours_s8": CodeBytes(468, 68, 68),
    "average_pool_2d_lanes_s8": CodeBytes(488, 80, 80),
    "average_pool_2d_s16": CodeBytes(450, 146, 76),
    "average_pool_2d_s8": CodeBytes(356, 98, 76),
    "batch_matmul_s16": CodeBytes(556, 206, 96),
    "batch_matmul_s8": CodeBytes(798, 262, 108),
    "cast": CodeBytes(328, 34, 28),
    "compare_s8": CodeBytes(722, 134, 128),
    "conv_2d_1x1_channels_s8": CodeBytes(182, 85, 85, ("matmul_channels_s8",)),
    "conv_2d_1x1_lanes_s8": CodeBytes(112, 80, 80, ("matmul_lanes_s8",)),
    "conv_2d_1x1_shallow_lanes_s8": CodeBytes(416, 62, 62),
    "conv_2d_blocks_s8": CodeBytes(796, 120, 120, ("blocks_s8_four", "pairs_s8_widen")),
    "conv_2d_channels_s8": CodeBytes(762, 120, 120, ("matmul_channels_s8",)),
    "conv_2d_grouped_s8": CodeBytes(1442, 484, 144, ("matmul_s8_one_row", "matmul_s8_two_rows")),
    "conv_2d_int4_s8": CodeBytes(796, 104, 104, ("pairs_int4_s8_four", "pairs_s8_widen")),
    "conv_2d_lanes_s8": CodeBytes(486, 112, 112, ("matmul_lanes_s8",)),
    "conv_2d_pairs_s8": CodeBytes(812, 104, 104, ("pairs_s8_four", "pairs_s8_widen")),
    "conv_2d_s16": CodeBytes(506, 270, 131, ("matmul_s16_row",)),
    "conv_2d_s8": CodeBytes(1170, 490, 124, ("matmul_s8_one_row", "matmul_s8_two_rows")),
    "conv_2d_s8/inside": CodeBytes(1170, 240, 128, ("matmul_s8_one_row", "matmul_s8_two_rows")),
    "copy_bytes": CodeBytes(344, 31, 102),
    "cumsum_s8": CodeBytes(280, 124, 52),
    "depthwise_conv_2d_3x3_lanes_s8": CodeBytes(1266, 73, 73),
    "depthwise_conv_2d_channels_s8": CodeBytes(856, 133, 133),
    "depthwise_conv_2d_lanes_s8": CodeBytes(718, 120, 120),
    "depthwise_conv_2d_planes_s8": CodeBytes(2002, 76, 76),
    "depthwise_conv_2d_s16": CodeBytes(696, 314, 104),
    "depthwise_conv_2d_s8": CodeBytes(2960, 1080, 112),
    "depthwise_conv_2d_s8/by_one": CodeBytes(2960, 266, 112),
    "dequantize_s16_f32": CodeBytes(54, 50, 32),
    "dequantize_s8_f32": CodeBytes(54, 48, 32),
    "div_s8": CodeBytes(614, 208, 130),
    "elementwise_s32_s64": CodeBytes(712, 48, 112),
    "fill_bytes": CodeBytes(12, 20, 66),
    "fully_connected_blocks_s8": CodeBytes(348, 64, 64),
    "fully_connected_channels_s8": CodeBytes(316, 62, 62),
    "fully_connected_int4_s8": CodeBytes(920, 56, 56),
    "fully_connected_lanes_s8": CodeBytes(264, 48, 48),
    "fully_connected_pairs_s8": CodeBytes(880, 52, 52),
    "fully_connected_s16": CodeBytes(58, 80, 60, ("matmul_s16_row",)),
    "fully_connected_s8": CodeBytes(82, 88, 64, ("matmul_s8_one_row", "matmul_s8_two_rows")),
    "fully_connected_s8/one_row": CodeBytes(82, 64, 64, ("matmul_s8_one_row",)),
    "fully_connected_skipping_s8": CodeBytes(698, 57, 57),
    "fully_connected_weight_zero_point_s8": CodeBytes(298, 172, 74),
    "gather_bytes": CodeBytes(178, 54, 96),
    "l2_normalization_s8": CodeBytes(584, 564, 28),
    "log_softmax_s8": CodeBytes(1596, 1212, 52),
    "logistic_tanh_s16": CodeBytes(264, 118, 36),
    "lstm_s16": CodeBytes(1832, 1368, 138),
    "lstm_s16_continued": CodeBytes(1866, 1374, 152),
    "lstm_s8": CodeBytes(1754, 1502, 146),
    "lstm_s8_continued": CodeBytes(1762, 1496, 160),
    "matmul_blocks_s8": CodeBytes(296, 68, 68, ("blocks_s8_four", "pairs_s8_widen")),
    "matmul_int4_s8": CodeBytes(300, 56, 56, ("pairs_int4_s8_four", "pairs_s8_widen")),
    "matmul_pairs_s8": CodeBytes(360, 48, 48, ("pairs_s8_four", "pairs_s8_widen")),
    "max_pool_2d_s16": CodeBytes(412, 124, 76),
    "max_pool_2d_s8": CodeBytes(308, 86, 76),
    "min_max_s16": CodeBytes(408, 34, 96),
    "min_max_s8": CodeBytes(386, 33, 96),
    "mul_s16": CodeBytes(550, 104, 108),
    "mul_s8": CodeBytes(568, 100, 120),
    "prelu_s8": CodeBytes(572, 102, 120),
    "quantize_f32_s16": CodeBytes(180, 156, 30),
    "quantize_f32_s8": CodeBytes(192, 168, 30),
    "reduce_min_max_s16": CodeBytes(380, 49, 50),
    "reduce_min_max_s8": CodeBytes(406, 40, 52),
    "reduce_prod_s8": CodeBytes(636, 139, 62),
    "rescale": CodeBytes(378, 68, 72),
    "resize_bilinear_s16": CodeBytes(476, 320, 56),
    "resize_bilinear_s8": CodeBytes(344, 278, 52),
    "resize_nearest_bytes": CodeBytes(118, 92, 52),
    "select": CodeBytes(362, 32, 136),
    "softmax_s16": CodeBytes(604, 472, 40),
    "softmax_s8": CodeBytes(596, 480, 32),
    "squared_difference_s16": CodeBytes(780, 200, 116),
    "squared_difference_s8": CodeBytes(778, 202, 128),
    "sum_s16": CodeBytes(508, 92, 52),
    "sum_s8": CodeBytes(474, 98, 60),
    "table_s16": CodeBytes(68, 64, 24),
    "table_s8": CodeBytes(44, 28, 24),
    "topk_positions_s16": CodeBytes(170, 74, 30),
    "topk_positions_s8": CodeBytes(170, 56, 30),
    "topk_values_s16": CodeBytes(72, 74, 30),
    "topk_values_s8": CodeBytes(60, 56, 30),
}
