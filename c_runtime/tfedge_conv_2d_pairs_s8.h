/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_PAIRS_S8_H
#define TFEDGE_CONV_2D_PAIRS_S8_H

#include "tfedge_pairs_s8.h"

/* CONV_2D on int8 for cores with the DSP extension: [batches][input_height][input_width]
 * [input_channels] -> [batches][output_height][output_width][product.channels], at least four
 * pixels, no dilation.
 *
 * Rows of the input are copied to a ring of rows that are padded with the input's zero point; from
 * there the windows of four neighbouring pixels become columns. The bias is less the input's zero
 * point times the weights. A column has, of each row of the kernel, as many whole fours of values
 * as there are, and behind them what those leave of all rows, filled up to fours. The numbers and
 * the order of the packed words are those of tfedge_pairs_s8.h. The output may begin where the
 * input does if no row of the input is overwritten before it is in the ring. scratch: words for
 * four columns, 16 * product.pairs bytes; the ring; 4 * end_bytes. */
typedef struct tfedge_conv_2d_pairs_s8_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t input_channels;
  int32_t output_height;
  int32_t output_width;
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_y;
  int32_t stride_x;
  int32_t pad_top;
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t ring_rows; /* what any four neighbouring pixels see */
  int32_t row_bytes; /* of a row of the ring; a multiple of 4 */
  int32_t end_bytes; /* kernel_height * (kernel_width * input_channels % 4), filled up to fours */
  tfedge_pairs_s8_params product;
} tfedge_conv_2d_pairs_s8_params;

void tfedge_conv_2d_pairs_s8(const tfedge_conv_2d_pairs_s8_params *params, const int8_t *input,
                             int8_t *output, void *scratch);

#endif
