/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_skipping_s8.h"

#include "tfedge_row_sums_s8.h"

#define EIGHT 8

/* Eight channels' sums, each by a name of its own, so that all stay in registers. They wrap. */
typedef struct eight_sums {
  uint32_t sum0;
  uint32_t sum1;
  uint32_t sum2;
  uint32_t sum3;
  uint32_t sum4;
  uint32_t sum5;
  uint32_t sum6;
  uint32_t sum7;
} eight_sums;

/* Whether a value stands for 0. RISC-V compares before it subtracts, and saves that for what is
 * skipped; where a subtraction sets flags, it is all the comparison that is needed. */
TFEDGE_INLINE int is_zero(int8_t input, int8_t zero_point, int32_t value) {
#if defined(__riscv)
  (void)value;
  return input == zero_point;
#else
  (void)input;
  (void)zero_point;
  return value == 0;
#endif
}

TFEDGE_INLINE void add_value(eight_sums *sums, int8_t input, int8_t zero_point,
                             const int8_t *weights) {
  const int32_t value = (int32_t)input - zero_point;
  if (!is_zero(input, zero_point, value)) {
    sums->sum0 += (uint32_t)(value * weights[0]);
    sums->sum1 += (uint32_t)(value * weights[1]);
    sums->sum2 += (uint32_t)(value * weights[2]);
    sums->sum3 += (uint32_t)(value * weights[3]);
    sums->sum4 += (uint32_t)(value * weights[4]);
    sums->sum5 += (uint32_t)(value * weights[5]);
    sums->sum6 += (uint32_t)(value * weights[6]);
    sums->sum7 += (uint32_t)(value * weights[7]);
  }
}

/* Eight channels; returns the weights of the next ones. */
TFEDGE_KEEP_ORDER static TFEDGE_APART const int8_t *sum_eight(const int8_t *input, int32_t depth,
                                                              int8_t zero_point,
                                                              const int8_t *weights,
                                                              const int32_t bias[EIGHT],
                                                              int32_t results[EIGHT]) {
  const int8_t *const end = input + depth;
  eight_sums sums = {(uint32_t)bias[0], (uint32_t)bias[1], (uint32_t)bias[2], (uint32_t)bias[3],
                     (uint32_t)bias[4], (uint32_t)bias[5], (uint32_t)bias[6], (uint32_t)bias[7]};
  for (; input != end; input += 4) {
    add_value(&sums, input[0], zero_point, weights);
    add_value(&sums, input[1], zero_point, weights + EIGHT);
    add_value(&sums, input[2], zero_point, weights + 2 * EIGHT);
    add_value(&sums, input[3], zero_point, weights + 3 * EIGHT);
    weights += 4 * EIGHT;
  }
  results[0] = (int32_t)sums.sum0;
  results[1] = (int32_t)sums.sum1;
  results[2] = (int32_t)sums.sum2;
  results[3] = (int32_t)sums.sum3;
  results[4] = (int32_t)sums.sum4;
  results[5] = (int32_t)sums.sum5;
  results[6] = (int32_t)sums.sum6;
  results[7] = (int32_t)sums.sum7;
  return weights;
}

static void one_row(const tfedge_fully_connected_skipping_s8_params *params, const int8_t *input,
                    int8_t *output) {
  const int8_t *weights = params->weights;
  const int32_t *bias = params->bias;
  const int32_t *scale = params->scales;
  for (int32_t left = params->channels; left > 0; left -= EIGHT) {
    const int32_t count = left < EIGHT ? left : EIGHT;
    int32_t sums[EIGHT];
    weights = sum_eight(input, params->depth, (int8_t)params->zero_point, weights, bias, sums);
    scale = tfedge_row_results(sums, count, scale, params->scale_words, params->exact, output);
    output += EIGHT;
    bias += EIGHT;
  }
}

TFEDGE_SHARED
void tfedge_fully_connected_skipping_s8(const tfedge_fully_connected_skipping_s8_params *params,
                                        const int8_t *input, int8_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    one_row(params, input, output);
    input += params->depth;
    output += params->channels;
  }
}
