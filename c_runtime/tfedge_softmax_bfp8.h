/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SOFTMAX_BFP8_H
#define TFEDGE_SOFTMAX_BFP8_H

#include "tfedge_bfp8.h"

/* SOFTMAX over rows, and LOGISTIC, on block floating point, by a table of powers of two between
 * whose entries lines are drawn. Output may be the input. */
typedef struct tfedge_softmax_bfp8_params {
  int32_t rows;
  int32_t depth;         /* of LOGISTIC, all elements are one row */
  const int32_t *powers; /* [65]: 2^(-i / 64) in Q11.20 */
  int32_t multiplier;    /* beta / ln 2 = multiplier * 2^(multiplier_exponent - 31) */
  int32_t multiplier_exponent;
  int32_t input_largest;
} tfedge_softmax_bfp8_params;

/* From multiplier and differences, which have 22 bits behind them, to steps of 2^-16. */
#define TFEDGE_BFP8_DIFFERENCE_BITS 22
#define TFEDGE_BFP8_STEP_BITS 16

/* exp(-beta * difference * 2^exponent) in Q11.20; difference in 0..255. */
TFEDGE_INLINE int32_t tfedge_softmax_bfp8_decay(const tfedge_softmax_bfp8_params *params,
                                                int32_t exponent, int32_t difference) {
  const int32_t most = (INT32_C(31) << TFEDGE_BFP8_STEP_BITS);
  const int32_t left =
      params->multiplier_exponent + exponent + TFEDGE_BFP8_STEP_BITS - TFEDGE_BFP8_DIFFERENCE_BITS;
  int32_t steps = tfedge_multiply_high(difference * (INT32_C(1) << TFEDGE_BFP8_DIFFERENCE_BITS),
                                       params->multiplier);
  if (left < 0) {
    steps = tfedge_bfp8_right(steps, -left);
    steps = steps < most ? steps : most;
  } else if (left > 20 || steps > most >> left) {
    steps = steps > 0 ? most : 0;
  } else {
    steps = steps * (INT32_C(1) << left);
  }
  const int32_t *const entry = params->powers + (steps >> 10 & 63);
  const int32_t fraction = steps & 1023;
  const int32_t power = entry[0] - ((entry[0] - entry[1]) * fraction >> 10);
  return tfedge_divide_by_power_of_two(power, steps >> TFEDGE_BFP8_STEP_BITS);
}

/* 2^50 / x for x in 2^20..2^31. */
TFEDGE_INLINE int32_t tfedge_softmax_bfp8_reciprocal(int32_t x) {
  return (int32_t)((INT64_C(1) << 50) / x);
}

TFEDGE_INLINE void tfedge_softmax_bfp8_row(const tfedge_softmax_bfp8_params *params,
                                           int32_t exponent, const int8_t *row,
                                           tfedge_bfp8_writer *writer) {
  int32_t largest = -TFEDGE_BFP8_SIGNED;
  int32_t sum = 0;
  for (int32_t i = 0; i < params->depth; i++) {
    largest = tfedge_bfp8_max(largest, tfedge_bfp8_integer(row[i], params->input_largest));
  }
  for (int32_t i = 0; i < params->depth; i++) {
    const int32_t integer = tfedge_bfp8_integer(row[i], params->input_largest);
    sum += tfedge_softmax_bfp8_decay(params, exponent, largest - integer);
  }
  const int32_t reciprocal = tfedge_softmax_bfp8_reciprocal(sum);
  for (int32_t i = 0; i < params->depth; i++) {
    const int32_t integer = tfedge_bfp8_integer(row[i], params->input_largest);
    const int32_t power = tfedge_softmax_bfp8_decay(params, exponent, largest - integer);
    tfedge_bfp8_put(writer, tfedge_multiply_high(power * 1024, reciprocal));
  }
}

TFEDGE_INLINE void tfedge_softmax_bfp8_inline(const tfedge_softmax_bfp8_params *params,
                                              const int8_t *input, int8_t *output) {
  const int32_t exponent = tfedge_bfp8_exponent(input);
  const int8_t *row = input + TFEDGE_BFP8_HEADER;
  tfedge_bfp8_writer writer = tfedge_bfp8_begin(output, TFEDGE_BFP8_UNSIGNED, -29);
  for (int32_t i = 0; i < params->rows; i++) {
    tfedge_softmax_bfp8_row(params, exponent, row, &writer);
    row += params->depth;
  }
  tfedge_bfp8_end(&writer, output);
}

TFEDGE_INLINE void tfedge_logistic_bfp8_inline(const tfedge_softmax_bfp8_params *params,
                                               const int8_t *input, int8_t *output) {
  const int32_t exponent = tfedge_bfp8_exponent(input);
  tfedge_bfp8_writer writer = tfedge_bfp8_begin(output, TFEDGE_BFP8_UNSIGNED, -30);
  for (int32_t i = TFEDGE_BFP8_HEADER; i < TFEDGE_BFP8_HEADER + params->depth; i++) {
    const int32_t value = tfedge_bfp8_integer(input[i], params->input_largest);
    const int32_t decay = tfedge_softmax_bfp8_decay(params, exponent, value < 0 ? -value : value);
    const int32_t above = tfedge_softmax_bfp8_reciprocal((INT32_C(1) << 20) + decay);
    tfedge_bfp8_put(&writer, value < 0 ? (INT32_C(1) << 30) - above : above);
  }
  tfedge_bfp8_end(&writer, output);
}

void tfedge_softmax_bfp8(const tfedge_softmax_bfp8_params *params, const int8_t *input,
                         int8_t *output);
void tfedge_logistic_bfp8(const tfedge_softmax_bfp8_params *params, const int8_t *input,
                          int8_t *output);

#endif
