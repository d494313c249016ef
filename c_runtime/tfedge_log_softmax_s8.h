/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_LOG_SOFTMAX_S8_H
#define TFEDGE_LOG_SOFTMAX_S8_H

#include "tfedge_fixed_point.h"

/* LOG_SOFTMAX on int8: [rows][depth], each row by itself; output scale 16/256, zero point 127.
 * exp_table[d] is exp(-input_scale * d) in Q0.31 for a value that lies d below the largest of its
 * row; beyond the table it is 0. A difference times input_multiplier is in Q5.26, for differences
 * of at least smallest_difference; reverse_multiplier is the way back. depth at most 4,095.
 * Works in place. Source: TFLite Micro's reference LOG_SOFTMAX; rounds twice. */
typedef struct tfedge_log_softmax_s8_params {
  int32_t rows;
  int32_t depth;
  int32_t input_multiplier;
  int32_t input_shift;
  int32_t reverse_multiplier;
  int32_t reverse_shift;
  int32_t smallest_difference; /* negative */
  int32_t exp_entries;         /* 1..256 */
  const int32_t *exp_table;    /* [exp_entries] */
} tfedge_log_softmax_s8_params;

/* Integer bits of the sum of exponentials. */
#define TFEDGE_LOG_SOFTMAX_S8_SUM_BITS 12

/* log(x) in Q5.26 for x >= 1 in Q12.19: a rational approximation of the logarithm of what is left
 * when x is divided by a power of 2^(1/2), around 2^(-1/4). Values are in Q0.31, exponents and the
 * accumulated result in Q6.25. */
TFEDGE_INLINE int32_t tfedge_log_softmax_s8_log(int32_t x) {
  const int32_t sqrt_half = 1518500250;
  const int32_t fourth_root_of_half = 1805811301;
  const int32_t quarter = (int32_t)1 << 23;
  const int headroom = tfedge_leading_zeros((uint32_t)x);
  const int32_t top = (int32_t)((uint32_t)x << (headroom - 1));
  const int32_t r_even = tfedge_saturating_shift_left(tfedge_multiply_high(top, sqrt_half), 1);
  const int32_t exponent_even =
      (TFEDGE_LOG_SOFTMAX_S8_SUM_BITS - headroom) * ((int32_t)1 << 25) + quarter;
  const int odd_headroom = tfedge_leading_zeros((uint32_t)tfedge_multiply_high(x, sqrt_half)) - 1;
  const int32_t r_odd = tfedge_saturating_shift_left(x, odd_headroom);
  const int32_t exponent_odd =
      (TFEDGE_LOG_SOFTMAX_S8_SUM_BITS - odd_headroom) * ((int32_t)1 << 25) - quarter;
  const int32_t r = r_even < r_odd ? r_even : r_odd;
  const int32_t exponent = exponent_even > exponent_odd ? exponent_even : exponent_odd;
  const int32_t p = (int32_t)(((int64_t)r + fourth_root_of_half + 1) / 2);
  const int32_t q = 2 * (r - fourth_root_of_half);
  const int32_t square = tfedge_multiply_high(q, q);
  const int32_t numerator =
      tfedge_multiply_high(q, r) + tfedge_multiply_high(tfedge_multiply_high(q, square), 117049297);
  const int32_t factor = 1057819769 + q + tfedge_multiply_high(127690142, square);
  const int32_t denominator_less_one =
      tfedge_multiply_high(p, factor) + tfedge_multiply_high(638450708, q);
  const int32_t reciprocal = tfedge_reciprocal_of_one_plus(denominator_less_one);
  const int32_t logarithm =
      tfedge_multiply_high(exponent, 1488522236) +
      tfedge_multiply_high(tfedge_divide_by_power_of_two(numerator, 6), reciprocal);
  return tfedge_saturating_shift_left(logarithm, 1);
}

TFEDGE_INLINE void tfedge_log_softmax_s8_row(const tfedge_log_softmax_s8_params *params,
                                             const int8_t *input, int8_t *output) {
  int32_t largest = INT8_MIN;
  for (int32_t i = 0; i < params->depth; i++) {
    largest = input[i] > largest ? input[i] : largest;
  }
  int32_t sum = 0;
  for (int32_t i = 0; i < params->depth; i++) {
    const int32_t below = largest - input[i];
    sum += below < params->exp_entries
               ? tfedge_divide_by_power_of_two(params->exp_table[below],
                                               TFEDGE_LOG_SOFTMAX_S8_SUM_BITS)
               : 0;
  }
  const int32_t log_sum = tfedge_log_softmax_s8_log(sum);
  const int32_t reachable =
      tfedge_requantize(INT32_MIN + log_sum, params->reverse_multiplier, params->reverse_shift);
  const int32_t above =
      reachable > params->smallest_difference - 1 ? reachable : params->smallest_difference - 1;
  for (int32_t i = 0; i < params->depth; i++) {
    const int32_t difference = input[i] - largest;
    int32_t result = INT8_MIN;
    if (difference > above) {
      const int32_t x =
          tfedge_requantize(difference, params->input_multiplier, params->input_shift);
      result = tfedge_divide_by_power_of_two(tfedge_wrapping_add(x, -log_sum), 22) + INT8_MAX;
    }
    output[i] = (int8_t)tfedge_clamp(result, INT8_MIN, INT8_MAX);
  }
}

TFEDGE_INLINE void tfedge_log_softmax_s8_inline(const tfedge_log_softmax_s8_params *params,
                                                const int8_t *input, int8_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    tfedge_log_softmax_s8_row(params, input + row * params->depth, output + row * params->depth);
  }
}

void tfedge_log_softmax_s8(const tfedge_log_softmax_s8_params *params, const int8_t *input,
                           int8_t *output);

#endif
