/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_matmul_s8.h"

#include "tfedge_dot_s8.h"

TFEDGE_INLINE int8_t tfedge_matmul_s8_output(const tfedge_matmul_s8_params *params, int32_t channel,
                                             int32_t sum) {
  const int32_t index = channel * params->channel_step;
  const int32_t total = tfedge_wrapping_add(sum, params->bias[channel]);
  const int32_t multiplier = params->multiplier[index];
  const int shift = params->shift[index];
  const int32_t scaled = params->narrow ? tfedge_requantize_narrow(total, multiplier, shift)
                                        : tfedge_requantize(total, multiplier, shift);
  return (int8_t)tfedge_clamp(tfedge_wrapping_add(scaled, params->output_zero_point),
                              params->output_min, params->output_max);
}

TFEDGE_SHARED
TFEDGE_KEEP_ORDER void tfedge_matmul_s8_two_rows(const tfedge_matmul_s8_params *params,
                                                 const int8_t *rows, int8_t *output) {
  const int32_t depth = params->depth;
  const int32_t channels = params->channels;
  const int8_t *weights = params->weights;
  const int32_t even = channels - channels % 2;
  for (int32_t channel = 0; channel < even; channel += 2) {
    int32_t sums[4] = {0, 0, 0, 0};
    tfedge_dot_s8_two_by_two(rows, weights, depth, sums);
    output[channel] = tfedge_matmul_s8_output(params, channel, sums[0]);
    output[channel + 1] = tfedge_matmul_s8_output(params, channel + 1, sums[1]);
    output[channels + channel] = tfedge_matmul_s8_output(params, channel, sums[2]);
    output[channels + channel + 1] = tfedge_matmul_s8_output(params, channel + 1, sums[3]);
    weights += 2 * depth;
  }
  if (even < channels) {
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    for (int32_t k = 0; k < depth; k++) {
      sum0 += rows[k] * weights[k];
      sum1 += rows[depth + k] * weights[k];
    }
    output[even] = tfedge_matmul_s8_output(params, even, sum0);
    output[channels + even] = tfedge_matmul_s8_output(params, even, sum1);
  }
}

TFEDGE_SHARED
TFEDGE_KEEP_ORDER void tfedge_matmul_s8_one_row(const tfedge_matmul_s8_params *params,
                                                const int8_t *row, int8_t *output) {
  const int32_t depth = params->depth;
  const int8_t *weights = params->weights;
  const int32_t fours = params->channels - params->channels % 4;
  int32_t channel = 0;
  for (; channel < fours; channel += 4) {
    int32_t sums[4] = {0, 0, 0, 0};
    tfedge_dot_s8_one_by_four(row, weights, depth, sums);
    for (int32_t i = 0; i < 4; i++) {
      output[channel + i] = tfedge_matmul_s8_output(params, channel + i, sums[i]);
    }
    weights += 4 * depth;
  }
  for (; channel < params->channels; channel++) {
    int32_t sum = 0;
    for (int32_t k = 0; k < depth; k++) {
      sum += row[k] * weights[k];
    }
    output[channel] = tfedge_matmul_s8_output(params, channel, sum);
    weights += depth;
  }
}
