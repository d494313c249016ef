/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_DEPTHWISE_CONV_2D_PLANES_S8_H
#define TFEDGE_DEPTHWISE_CONV_2D_PLANES_S8_H

#include "tfedge_saturating_requantize.h"

/* DEPTHWISE_CONV_2D on int8 with a 3x3 kernel for cores with the DSP extension: [batches]
 * [input_height][input_width][channels] -> [batches][output_height][output_width][channels],
 * one stride of 1 or 2 in both directions, no dilation.
 *
 *   output[y][x][c] = saturate(requantize(bias[c] + sum of window[c] * weights[c]))
 *
 * Four channels at a time are spread to a plane each, whose words are vertical pairs of values,
 * padded with the input's zero point; from there every channel is computed by itself, with its
 * weights in registers. Activations enter raw: the input's zero point times the weights is already
 * subtracted from the bias; every |sum| stays below 2^30. The order of words:
 *   rows: [channels] of {weights 0 1 3 4, weights 2 3 5 6, weights 4 5 7 8, bias, multiplier,
 * addend, shift}, a word's bytes from the lowest, so that its even bytes are a vertical pair, and
 * its odd ones; no shift if exact is 0: see tfedge_saturating_requantize.h. The output may begin
 * where the input does. scratch: (stripe_pairs + 1) * 16 * plane_width bytes. Source: TFLite 8-bit
 * quantisation specification, DEPTHWISE_CONV_2D; rounds twice, in one step or in two. */
typedef struct tfedge_depthwise_conv_2d_planes_s8_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t channels; /* a multiple of 4 */
  int32_t output_height;
  int32_t output_width;
  int32_t stride;   /* 1 or 2 */
  int32_t pad_top;  /* 0 or 1 */
  int32_t pad_left; /* 0 or 1 */
  int32_t input_zero_point;
  int32_t plane_width;  /* columns that windows see: (output_width - 1) * stride + 3 */
  int32_t stripe_pairs; /* pairs of rows that are spread at a time, at least 1 */
  int32_t exact;        /* 1: tfedge_requantize_exactly; 0: tfedge_requantize_by_steps */
  const int32_t *rows;
} tfedge_depthwise_conv_2d_planes_s8_params;

void tfedge_depthwise_conv_2d_planes_s8(const tfedge_depthwise_conv_2d_planes_s8_params *params,
                                        const int8_t *input, int8_t *output, void *scratch);

#endif
