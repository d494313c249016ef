/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SOFTMAX_S16_H
#define TFEDGE_SOFTMAX_S16_H

#include "tfedge_fixed_point.h"
#include "tfedge_interpolate_s16.h"

/* SOFTMAX on int16: [rows][depth], each row by itself; output scale 1/32768, zero points 0. A
 * value's distance from the largest of its row is brought to 1/65535 of 10 and looked up in a table
 * of exponentials; the reciprocal of their sum comes from a table of 1 / (1 + x) for x in 0..1.
 * depth at most 65,536. Works in place.
 * Source: TFLite Micro's reference SOFTMAX on int16; rounds twice. */
typedef struct tfedge_softmax_s16_params {
  int32_t rows;
  int32_t depth;
  int32_t multiplier;
  int32_t shift;                   /* at most 15 */
  const int16_t *exp_table;        /* [513], Q0.15 */
  const int16_t *reciprocal_table; /* [513], Q0.15 */
} tfedge_softmax_s16_params;

TFEDGE_INLINE int16_t tfedge_softmax_s16_exp(const tfedge_softmax_s16_params *params,
                                             int32_t below) {
  const int32_t scaled = tfedge_requantize(below, params->multiplier, params->shift);
  return tfedge_interpolate_s16(
      params->exp_table,
      tfedge_clamp(tfedge_wrapping_add(scaled, INT16_MAX), INT16_MIN, INT16_MAX));
}

/* 1 / sum in Q0.15 for a sum whose highest bit is bit 31 - zeros. */
TFEDGE_INLINE int32_t tfedge_softmax_s16_reciprocal(const tfedge_softmax_s16_params *params,
                                                    int32_t sum, int zeros) {
  const int64_t normal = (int64_t)sum * ((int64_t)1 << (zeros - 1));
  const int32_t fraction =
      (int32_t)((normal + (1 << 13)) >> 14) - ((int32_t)1 << 15) - ((int32_t)1 << 16);
  return tfedge_interpolate_s16(params->reciprocal_table,
                                tfedge_clamp(fraction, INT16_MIN, INT16_MAX));
}

TFEDGE_INLINE void tfedge_softmax_s16_row(const tfedge_softmax_s16_params *params,
                                          const int16_t *input, int16_t *output) {
  int32_t largest = INT16_MIN;
  for (int32_t i = 0; i < params->depth; i++) {
    largest = input[i] > largest ? input[i] : largest;
  }
  int32_t sum = 0;
  for (int32_t i = 0; i < params->depth; i++) {
    output[i] = tfedge_softmax_s16_exp(params, input[i] - largest);
    sum += output[i];
  }
  const int zeros = tfedge_leading_zeros((uint32_t)sum);
  const int32_t reciprocal = tfedge_softmax_s16_reciprocal(params, sum, zeros);
  const int right = 31 - zeros;
  for (int32_t i = 0; i < params->depth; i++) {
    const int64_t product = (int64_t)output[i] * reciprocal + ((int64_t)1 << (right - 1));
    output[i] = (int16_t)tfedge_clamp((int32_t)(product >> right), 0, INT16_MAX);
  }
}

TFEDGE_INLINE void tfedge_softmax_s16_inline(const tfedge_softmax_s16_params *params,
                                             const int16_t *input, int16_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    tfedge_softmax_s16_row(params, input + row * params->depth, output + row * params->depth);
  }
}

void tfedge_softmax_s16(const tfedge_softmax_s16_params *params, const int16_t *input,
                        int16_t *output);

#endif
