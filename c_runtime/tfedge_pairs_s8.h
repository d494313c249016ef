/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_PAIRS_S8_H
#define TFEDGE_PAIRS_S8_H

#include "tfedge_saturating_requantize.h"

/* Four columns of int8 activations times int8 weights, the core of convolutions on cores with the
 * DSP extension: an instruction multiplies a pair of values with a pair of weights.
 *
 *   output[pixel][c] = saturate(requantize(bias[c] + sum_k column[pixel][k] * weights[c][k]))
 *
 * Activations enter raw, as in tfedge_matmul_s8.h; every |sum| stays below 2^30. Values k, k + 2
 * and k + 1, k + 3 of each four are a pair, which is how a core widens four bytes. The order of
 * words: columns: [pairs][4 pixels], the pair's first value in the lower half; weights: [channels /
 * 2][pairs], bytes from the lowest: the pair's first value for the even channel and for the odd
 * one, its second value for both; rows: [channels / 2] of {bias, bias, multiplier, addend,
 * multiplier, addend}, and {shift, shift} behind them if exact is 1: see
 * tfedge_saturating_requantize.h. Source: TFLite 8-bit quantisation specification, CONV_2D; rounds
 * twice, in one step or in two. */
typedef struct tfedge_pairs_s8_params {
  int32_t pairs;    /* of values in a column; even */
  int32_t channels; /* even */
  int32_t exact;    /* 1: tfedge_requantize_exactly; 0: tfedge_requantize_by_steps */
  const int32_t *weights;
  const int32_t *rows;
} tfedge_pairs_s8_params;

/* All channels of four pixels, whose outputs lie pixel_step bytes apart, from an even address on.
 */
void tfedge_pairs_s8_four(const tfedge_pairs_s8_params *params, const uint32_t *columns,
                          int8_t *output, int32_t pixel_step);

/* The same as a tfedge_four_pixels, of a tfedge_pairs_s8_params. */
TFEDGE_INLINE void tfedge_pairs_s8_multiply(const void *params, uint32_t *columns, int8_t *output,
                                            int32_t pixel_step) {
  tfedge_pairs_s8_four((const tfedge_pairs_s8_params *)params, columns, output, pixel_step);
}

/* Widens `count` values of four pixels, a multiple of 4, to the words of a column. Returns what
 * follows them. */
uint32_t *tfedge_pairs_s8_widen(uint32_t *columns, const int8_t *pixel0, const int8_t *pixel1,
                                const int8_t *pixel2, const int8_t *pixel3, int32_t count);

#endif
