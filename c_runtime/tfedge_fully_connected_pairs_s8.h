/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FULLY_CONNECTED_PAIRS_S8_H
#define TFEDGE_FULLY_CONNECTED_PAIRS_S8_H

#include "tfedge_saturating_requantize.h"

/* FULLY_CONNECTED on int8 for cores with the DSP extension, for few rows: [rows][depth] ->
 * [rows][channels]. Each value is loaded once for four outputs, each weight is used once.
 *
 *   output[c] = saturate(requantize(bias[c] + sum_k input[k] * weights[c][k]))
 *
 * Activations enter raw: input_zero_point * sum_k weights[c][k] is already subtracted from the
 * bias; every |sum| stays below 2^30. The order of words, channels being filled up to fours:
 *   weights: [channels / 4][depth / 4][4 channels], a word's bytes from the lowest: four values of
 * k; bias: [channels]; scales: [channels] of {multiplier, addend}, or of {multiplier, addend,
 * shift} if exact is 1, or one for all channels: see tfedge_saturating_requantize.h. Source: TFLite
 * 8-bit quantisation specification, FULLY_CONNECTED; rounds twice, in one step or in two. */
typedef struct tfedge_fully_connected_pairs_s8_params {
  int32_t rows;
  int32_t depth; /* a multiple of 4 */
  int32_t channels;
  int32_t exact;       /* 1: tfedge_requantize_exactly; 0: tfedge_requantize_by_steps */
  int32_t scale_words; /* from one channel's scales to the next one's; 0: one for all */
  const int32_t *weights;
  const int32_t *bias;
  const int32_t *scales;
} tfedge_fully_connected_pairs_s8_params;

void tfedge_fully_connected_pairs_s8(const tfedge_fully_connected_pairs_s8_params *params,
                                     const int8_t *input, int8_t *output);

#endif
