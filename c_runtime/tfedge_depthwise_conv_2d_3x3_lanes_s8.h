/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_DEPTHWISE_CONV_2D_3X3_LANES_S8_H
#define TFEDGE_DEPTHWISE_CONV_2D_3X3_LANES_S8_H

#include "tfedge_requantize.h"
#include "tfedge_vectors.h"

/* DEPTHWISE_CONV_2D on int8 with 3x3 kernels, strides of 1 and a depth multiplier of 1, for lanes
 * of vectors: [batches][input_height][input_width][channels] ->
 * [batches][output_height][output_width][channels], both at least 2.
 *
 *   output[c] = clamp(zero_point + requantize(bias[c] + sum_t input[t][c] * weights[t][c]))
 *
 * 16 channels at a time, of which four rows are interleaved, so that each channel of each column is
 * a word of four rows, and padded with the input's zero point. One vector of four such words,
 * columns of one channel, holds the taps of 2x2 outputs, which are its products with four vectors
 * of weights. Where rows or columns are odd, the last but one are computed twice.
 *
 * Activations enter raw: the input's zero point times a channel's weights is already subtracted
 * from its bias (modulo 2^32, like all of this sum). Shifts are to the right by 1 to 31.
 * Every row of 16 channels is read once, before the first row of their outputs that needs it is
 * written: the output may take the input's memory where it does not overtake that, since an output
 * lies where a value of its own channel was.
 * weights: [channels][17], then 5 zeros: of a channel 5 zeros, then three columns of three rows and
 *   a zero. So the vectors that begin at 5, 1, 4 and 0 have the weights of the outputs of the patch
 *   at (0, 0), (0, 1), (1, 0) and (1, 1).
 * rows: [channels][3]: bias, multiplier in Q0.31, shift as a negative number.
 * scratch: [columns][16 channels][4 rows].
 * Source: TFLite 8-bit quantisation specification, DEPTHWISE_CONV_2D; rounds twice. */
typedef struct tfedge_depthwise_conv_2d_3x3_lanes_s8_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t output_height;
  int32_t output_width;
  int32_t pad_top;
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t output_zero_point; /* outputs are limited by int8 alone */
  int32_t channels;
  int32_t columns; /* that windows see, and at least pad_left + input_width */
  const int8_t *weights;
  const int32_t *rows;
} tfedge_depthwise_conv_2d_3x3_lanes_s8_params;

void tfedge_depthwise_conv_2d_3x3_lanes_s8(
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_params *params, const int8_t *input, int8_t *output,
    void *scratch);

#endif
