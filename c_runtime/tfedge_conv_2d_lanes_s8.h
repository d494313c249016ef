/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_LANES_S8_H
#define TFEDGE_CONV_2D_LANES_S8_H

#include "tfedge_matmul_lanes_s8.h"

/* CONV_2D on int8 for lanes of vectors: [batches][input_height][input_width][input_channels] ->
 * [batches][output_height][output_width][matmul.channels].
 *
 * The input rows that a row of outputs reads are kept as columns, padded with the zero point:
 * [columns][kernel_height][input_channels]. So the taps of a window are one run of values, in the
 * order [kernel_width][kernel_height][input_channels], which the weights have, too; neighbouring
 * windows share them; and a move down by one row moves the whole by input_channels values.
 *
 * Every input row is read once, before the first row of outputs that needs it is written, so that
 * the output may take the input's memory where it does not overtake it.
 * scratch: `sums` of tfedge_matmul_lanes_s8, input_channels, columns * kernel_height *
 * input_channels.
 * Source: TFLite 8-bit quantisation specification, CONV_2D; rounds twice. */
typedef struct tfedge_conv_2d_lanes_s8_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t input_channels;
  int32_t output_height;
  int32_t output_width;
  int32_t kernel_height;
  int32_t pad_top;
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t stride_y;
  int32_t stride_x;
  int32_t columns; /* that windows see, and at least pad_left + input_width */
  tfedge_matmul_lanes_s8_params matmul;
} tfedge_conv_2d_lanes_s8_params;

void tfedge_conv_2d_lanes_s8(const tfedge_conv_2d_lanes_s8_params *params, const int8_t *input,
                             int8_t *output, void *scratch);

#endif
