/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_1X1_SHALLOW_LANES_S8_H
#define TFEDGE_CONV_2D_1X1_SHALLOW_LANES_S8_H

#include "tfedge_requantize_lanes.h"

/* CONV_2D with 1x1 kernels and strides of 1 on int8 pixels of at most 16 values, for lanes of
 * vectors: [pixels][depth] -> [pixels][channels]. Four channels at a time, whose weights and
 * constants stay in registers for a block of pixels.
 *
 * A block is copied before its outputs are written. So the output may take the input's memory, if
 * pixels do not grow, or blocks are computed from the last one on and pixels do not shrink.
 * scratch: block_pixels * depth.
 *
 * Activations enter raw: input_zero_point * sum_k weights[c][k] is already subtracted from the bias
 * (modulo 2^32, like all sums).
 * weights: [channels / 4][4][16], zeros behind the depth.
 * Source: TFLite 8-bit quantisation specification, CONV_2D; rounds twice. */
typedef struct tfedge_conv_2d_1x1_shallow_lanes_s8_params {
  int32_t pixels;
  int32_t block_pixels;
  int32_t backwards; /* 1: from the last block on */
  int32_t depth;     /* 1..16 */
  int32_t channels;  /* a multiple of 4 */
  const int8_t *weights;
  const int32_t *rows; /* [channels / 4][3][4], see tfedge_requantize_lanes.h */
  tfedge_lanes_output output;
} tfedge_conv_2d_1x1_shallow_lanes_s8_params;

void tfedge_conv_2d_1x1_shallow_lanes_s8(const tfedge_conv_2d_1x1_shallow_lanes_s8_params *params,
                                         const int8_t *input, int8_t *output, void *scratch);

#endif
