/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_CHANNELS_S8_H
#define TFEDGE_CONV_2D_CHANNELS_S8_H

#include "tfedge_columns_s8.h"
#include "tfedge_matmul_channels_s8.h"

/* CONV_2D on int8 for vectors of channels: [batches][input_height][input_width][input_channels] ->
 * [batches][output_height][output_width][matmul.channels], on columns of the input. The output may
 * take the input's memory where it does not overtake it.
 * scratch: `sums` of tfedge_matmul_channels_s8, input_channels, columns * kernel_height *
 * input_channels.
 * Source: TFLite 8-bit quantisation specification, CONV_2D; rounds twice. */
typedef struct tfedge_conv_2d_channels_s8_params {
  int32_t batches;
  int32_t output_height;
  int32_t output_width;
  int32_t stride_x;
  tfedge_columns_s8_params window;
  tfedge_matmul_channels_s8_params matmul;
} tfedge_conv_2d_channels_s8_params;

void tfedge_conv_2d_channels_s8(const tfedge_conv_2d_channels_s8_params *params,
                                const int8_t *input, int8_t *output, void *scratch);

#endif
