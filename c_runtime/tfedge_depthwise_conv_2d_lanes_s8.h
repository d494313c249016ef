/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_DEPTHWISE_CONV_2D_LANES_S8_H
#define TFEDGE_DEPTHWISE_CONV_2D_LANES_S8_H

#include "tfedge_requantize_lanes.h"
#include "tfedge_row_window_s8.h"

/* DEPTHWISE_CONV_2D on int8 for lanes of vectors, with a depth multiplier of 1: the lanes are 16
 * neighbouring values of an output row, of one pixel's channels or, where strides are 1 and the
 * channels divide 16, of several pixels.
 *
 *   output[c] = clamp(zero_point + requantize(bias[c] + sum_t input[t][c] * weights[t][c]))
 *
 * Activations enter raw: the input's zero point times a channel's weights is already subtracted
 * from its bias (modulo 2^32, like all of this sum). Products of two taps are summed in int16,
 * which holds them because no weight is -128.
 *
 * weights: [blocks][pairs of taps][2][16]; a tap too much has the weights 0.
 * offsets: where taps lie behind a window's first value, in the order of the weights.
 * rows: of each block four rows of tfedge_requantize_lanes.h, of the lanes 0, 4, 8, 12; 2, 6, 10,
 * 14; 1, 5, 9, 13; and 3, 7, 11, 15, in which order products come.
 * scratch: window.rows * window.row + 15.
 * Source: TFLite 8-bit quantisation specification, DEPTHWISE_CONV_2D; rounds twice. */
typedef struct tfedge_depthwise_conv_2d_lanes_s8_params {
  int32_t batches;
  int32_t output_height;
  int32_t output_row; /* values in an output row */
  int32_t stride_y;
  int32_t blocks;      /* vectors of channels */
  int32_t steps;       /* vectors in an output row, for each block */
  int32_t input_step;  /* values from the taps of one to those of the next */
  int32_t output_step; /* values from one to the next */
  int32_t values;      /* how many values the vectors hold: a block's first, if values_step is 0 */
  int32_t values_step; /* how many fewer are left at the next step: 0 or 16 */
  int32_t pairs;       /* of taps */
  const int32_t *offsets;
  const int8_t *weights;
  const int32_t *rows;
  tfedge_row_window_s8_params window;
  tfedge_lanes_output output;
} tfedge_depthwise_conv_2d_lanes_s8_params;

void tfedge_depthwise_conv_2d_lanes_s8(const tfedge_depthwise_conv_2d_lanes_s8_params *params,
                                       const int8_t *input, int8_t *output, void *scratch);

#endif
