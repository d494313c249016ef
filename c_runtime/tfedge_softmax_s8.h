/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SOFTMAX_S8_H
#define TFEDGE_SOFTMAX_S8_H

#include <string.h>

#include "tfedge_fixed_point.h"

/* SOFTMAX on int8: [rows][depth], each row by itself; output scale 1/256, zero point -128.
 * exp_table[d] is exp(-beta * input_scale * d) with 31 fractional bits for a value that lies d
 * below the largest of its row; beyond the table it is 0. depth at most 4,095. Where the
 * exponentials of a row add up to 512 or more, which is undefined in the reference, every result is
 * 0. softmax_s8_s16 has its results in int16: scale 1/65536, zero point -32768. Source: TFLite
 * Micro's reference SOFTMAX, with gemmlowp's fixed-point reciprocal. */
typedef struct tfedge_softmax_s8_params {
  int32_t rows;
  int32_t depth;
  int32_t exp_entries;      /* 1..256 */
  const int32_t *exp_table; /* [exp_entries] */
} tfedge_softmax_s8_params;

/* Integer bits of the sum of exponentials. */
#define TFEDGE_SOFTMAX_S8_SUM_BITS 12

TFEDGE_INLINE int32_t tfedge_softmax_s8_exp(const tfedge_softmax_s8_params *params, int32_t below) {
  return below < params->exp_entries ? params->exp_table[below] : 0;
}

TFEDGE_INLINE int32_t tfedge_softmax_s8_largest(const int8_t *input, int32_t depth) {
  int32_t largest = INT8_MIN;
  for (int32_t i = 0; i < depth; i++) {
    largest = input[i] > largest ? input[i] : largest;
  }
  return largest;
}

/* What the exponentials of a row are multiplied with, in Q0.31, and divided by: 2^exponent, for
 * results of no bits. */
TFEDGE_INLINE int32_t tfedge_softmax_s8_scale(const tfedge_softmax_s8_params *params,
                                              const int8_t *input, int32_t largest, int *exponent) {
  int32_t sum = 0;
  for (int32_t i = 0; i < params->depth; i++) {
    sum += tfedge_divide_by_power_of_two(tfedge_softmax_s8_exp(params, largest - input[i]),
                                         TFEDGE_SOFTMAX_S8_SUM_BITS);
  }
  const int zeros = tfedge_leading_zeros((uint32_t)sum);
  const int32_t fraction = (int32_t)(((uint32_t)sum << zeros) - 0x80000000u);
  *exponent = TFEDGE_SOFTMAX_S8_SUM_BITS - zeros + 31;
  return tfedge_reciprocal_of_one_plus(fraction);
}

/* One result, less the least that its type has. */
TFEDGE_INLINE int32_t tfedge_softmax_s8_result(const tfedge_softmax_s8_params *params,
                                               int32_t below, int32_t scale, int exponent) {
  const int32_t product = tfedge_multiply_high(tfedge_softmax_s8_exp(params, below), scale);
  return tfedge_divide_by_power_of_two(product, exponent);
}

TFEDGE_INLINE void tfedge_softmax_s8_row(const tfedge_softmax_s8_params *params,
                                         const int8_t *input, int8_t *output) {
  const int32_t largest = tfedge_softmax_s8_largest(input, params->depth);
  int exponent;
  const int32_t scale = tfedge_softmax_s8_scale(params, input, largest, &exponent);
  exponent -= 8;
  if (exponent > 31) {
    memset(output, (uint8_t)INT8_MIN, (size_t)params->depth);
    return;
  }
  for (int32_t i = 0; i < params->depth; i++) {
    const int32_t result = tfedge_softmax_s8_result(params, largest - input[i], scale, exponent);
    output[i] = (int8_t)tfedge_clamp(result + INT8_MIN, INT8_MIN, INT8_MAX);
  }
}

/* The sums of rows of 4,095 values at most are below 2^12, so that the exponent is at most 27. */
TFEDGE_INLINE void tfedge_softmax_s8_s16_row(const tfedge_softmax_s8_params *params,
                                             const int8_t *input, int16_t *output) {
  const int32_t largest = tfedge_softmax_s8_largest(input, params->depth);
  int exponent;
  const int32_t scale = tfedge_softmax_s8_scale(params, input, largest, &exponent);
  for (int32_t i = 0; i < params->depth; i++) {
    const int32_t result =
        tfedge_softmax_s8_result(params, largest - input[i], scale, exponent - 16);
    output[i] = (int16_t)tfedge_clamp(result + INT16_MIN, INT16_MIN, INT16_MAX);
  }
}

TFEDGE_INLINE void tfedge_softmax_s8_inline(const tfedge_softmax_s8_params *params,
                                            const int8_t *input, int8_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    tfedge_softmax_s8_row(params, input + row * params->depth, output + row * params->depth);
  }
}

TFEDGE_INLINE void tfedge_softmax_s8_s16_inline(const tfedge_softmax_s8_params *params,
                                                const int8_t *input, int16_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    tfedge_softmax_s8_s16_row(params, input + row * params->depth, output + row * params->depth);
  }
}

void tfedge_softmax_s8(const tfedge_softmax_s8_params *params, const int8_t *input, int8_t *output);
void tfedge_softmax_s8_s16(const tfedge_softmax_s8_params *params, const int8_t *input,
                           int16_t *output);

#endif
