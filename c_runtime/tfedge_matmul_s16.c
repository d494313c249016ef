/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_matmul_s16.h"

/* The sum of so many products, of 22 bits each, fits into 32. */
#define TFEDGE_MATMUL_S16_BLOCK 256

TFEDGE_INLINE int16_t tfedge_matmul_s16_output(const tfedge_matmul_s16_params *params,
                                               int32_t channel, int64_t sum) {
  const int32_t index = channel * params->channel_step;
  const int64_t total = (int64_t)((uint64_t)sum + (uint64_t)params->bias[channel]);
  const int32_t scaled =
      tfedge_requantize_wide(total, params->multiplier[index], params->shift[index]);
  return (int16_t)tfedge_clamp(scaled, params->output_min, params->output_max);
}

/* sums[0..3] += x.w0, x.w1, x.w2, x.w3 over count values, the rows of w being depth apart. */
TFEDGE_INLINE void tfedge_matmul_s16_block(const int16_t *x, const int8_t *w0, int32_t depth,
                                           int32_t count, int64_t sums[4]) {
  const int8_t *const w1 = w0 + depth;
  const int8_t *const w2 = w1 + depth;
  const int8_t *const w3 = w2 + depth;
  int32_t sum0 = 0;
  int32_t sum1 = 0;
  int32_t sum2 = 0;
  int32_t sum3 = 0;
  for (int32_t k = 0; k < count; k++) {
    const int32_t a = x[k];
    sum0 += a * w0[k];
    sum1 += a * w1[k];
    sum2 += a * w2[k];
    sum3 += a * w3[k];
  }
  sums[0] += sum0;
  sums[1] += sum1;
  sums[2] += sum2;
  sums[3] += sum3;
}

TFEDGE_INLINE int64_t tfedge_matmul_s16_dot(const int16_t *x, const int8_t *w, int32_t depth) {
  int64_t sum = 0;
  int32_t k = 0;
  while (k < depth) {
    const int32_t left = depth - k;
    const int32_t end = k + (left < TFEDGE_MATMUL_S16_BLOCK ? left : TFEDGE_MATMUL_S16_BLOCK);
    int32_t block = 0;
    for (; k < end; k++) {
      block += x[k] * w[k];
    }
    sum += block;
  }
  return sum;
}

TFEDGE_KEEP_ORDER void tfedge_matmul_s16_row(const tfedge_matmul_s16_params *params,
                                             const int16_t *row, int16_t *output) {
  const int32_t depth = params->depth;
  const int8_t *weights = params->weights;
  const int32_t fours = params->channels - params->channels % 4;
  int32_t channel = 0;
  for (; channel < fours; channel += 4) {
    int64_t sums[4] = {0, 0, 0, 0};
    for (int32_t k = 0; k < depth; k += TFEDGE_MATMUL_S16_BLOCK) {
      const int32_t left = depth - k;
      tfedge_matmul_s16_block(row + k, weights + k, depth,
                              left < TFEDGE_MATMUL_S16_BLOCK ? left : TFEDGE_MATMUL_S16_BLOCK,
                              sums);
    }
    for (int32_t i = 0; i < 4; i++) {
      output[channel + i] = tfedge_matmul_s16_output(params, channel + i, sums[i]);
    }
    weights += 4 * depth;
  }
  for (; channel < params->channels; channel++) {
    output[channel] =
        tfedge_matmul_s16_output(params, channel, tfedge_matmul_s16_dot(row, weights, depth));
    weights += depth;
  }
}
