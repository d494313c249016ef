/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_DEPTHWISE_CONV_2D_CHANNELS_S8_H
#define TFEDGE_DEPTHWISE_CONV_2D_CHANNELS_S8_H

#include "tfedge_requantize_channels.h"
#include "tfedge_row_window_s8.h"

/* DEPTHWISE_CONV_2D on int8 for vectors of channels, with a depth multiplier of 1. A vector is
 * TFEDGE_GROUP neighbouring values of an output row, of one pixel's channels or, where strides are
 * 1 and the channels divide TFEDGE_GROUP, of several pixels.
 *
 *   output[c] = clamp(zero_point + requantize(bias[c] + sum_t input[t][c] * weights[t][c]))
 *
 * Activations enter raw: the input's zero point times a channel's weights is already subtracted
 * from its bias (modulo 2^32, like all of this sum). Two vectors are computed at a time.
 *
 * weights: [groups][taps][TFEDGE_GROUP]; bias and scales: [groups][TFEDGE_GROUP].
 * offsets: where taps lie behind a window's first value, in the order of the weights.
 * scratch: window.rows * window.row + 31.
 * Source: TFLite 8-bit quantisation specification, DEPTHWISE_CONV_2D; rounds twice. */
typedef struct tfedge_depthwise_conv_2d_channels_s8_params {
  int32_t batches;
  int32_t output_height;
  int32_t output_row; /* values in an output row */
  int32_t stride_y;
  int32_t groups;      /* of channels */
  int32_t steps;       /* vectors in an output row, for each group */
  int32_t input_step;  /* values from the taps of one to those of the next */
  int32_t output_step; /* values from one to the next */
  int32_t values;      /* how many values the vectors hold: a group's first, if values_step is 0 */
  int32_t values_step; /* how many fewer are left at the next step: 0 or TFEDGE_GROUP */
  int32_t taps;
  const int32_t *offsets;
  const int8_t *weights;
  const int32_t *bias;
  tfedge_channels_scales scales;
  tfedge_row_window_s8_params window;
  tfedge_lanes_output output;
} tfedge_depthwise_conv_2d_channels_s8_params;

void tfedge_depthwise_conv_2d_channels_s8(const tfedge_depthwise_conv_2d_channels_s8_params *params,
                                          const int8_t *input, int8_t *output, void *scratch);

#endif
