/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_AVERAGE_POOL_2D_FOURS_S8_H
#define TFEDGE_AVERAGE_POOL_2D_FOURS_S8_H

#include "tfedge_dsp.h"

/* AVERAGE_POOL_2D on int8, four channels at a time: [batches][input_height][input_width][channels]
 * -> [batches][output_height][output_width][channels], input and output of one scale and zero
 * point. Taps outside the input do not count. Averages round half away from zero. A window has at
 * most 255 taps, so that sums of int8 fit into 16 bits, and two of them into a word.
 * Source: TFLite 8-bit quantisation specification, AVERAGE_POOL_2D. */
typedef struct tfedge_average_pool_2d_fours_s8_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t channels; /* a multiple of 4 */
  int32_t output_height;
  int32_t output_width;
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_y;
  int32_t stride_x;
  int32_t pad_top;
  int32_t pad_left;
} tfedge_average_pool_2d_fours_s8_params;

void tfedge_average_pool_2d_fours_s8(const tfedge_average_pool_2d_fours_s8_params *params,
                                     const int8_t *input, int8_t *output);

#endif
