/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FULLY_CONNECTED_SKIPPING_S8_H
#define TFEDGE_FULLY_CONNECTED_SKIPPING_S8_H

#include "tfedge_platform.h"

/* FULLY_CONNECTED on int8 for few rows: [rows][depth] -> [rows][channels]. A value that stands for
 * 0, as half of those behind a ReLU do, is skipped for eight outputs at a time; every other value
 * is loaded once for these.
 *
 *   output[c] = saturate(requantize(bias[c] + sum_k (input[k] - zero_point) * weights[c][k]))
 *
 * Sums may wrap on the way; in the end every |sum| is below 2^30. The order of weights, channels
 * being filled up to eights: [channels / 8][depth][8 channels]; bias: [channels], filled up, too;
 * scales: [channels] of {multiplier, addend}, or of {multiplier, addend, shift} if exact is 1, or
 * one for all channels: see tfedge_saturating_requantize.h. Source: TFLite 8-bit quantisation
 * specification, FULLY_CONNECTED; rounds twice, in one step or in two. */
typedef struct tfedge_fully_connected_skipping_s8_params {
  int32_t rows;
  int32_t depth; /* a multiple of 4 */
  int32_t channels;
  int32_t zero_point;  /* of the input */
  int32_t exact;       /* 1: tfedge_requantize_exactly; 0: tfedge_requantize_by_steps */
  int32_t scale_words; /* from one channel's scales to the next one's; 0: one for all */
  const int8_t *weights;
  const int32_t *bias;
  const int32_t *scales;
} tfedge_fully_connected_skipping_s8_params;

void tfedge_fully_connected_skipping_s8(const tfedge_fully_connected_skipping_s8_params *params,
                                        const int8_t *input, int8_t *output);

#endif
