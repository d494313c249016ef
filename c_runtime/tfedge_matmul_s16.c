/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_matmul_s16.h"

#include "tfedge_dot_s16.h"

TFEDGE_INLINE int16_t tfedge_matmul_s16_output(const tfedge_matmul_s16_params *params,
                                               int32_t channel, int64_t sum) {
  const int32_t index = channel * params->channel_step;
  const int64_t total = (int64_t)((uint64_t)sum + (uint64_t)params->bias[channel]);
  const int32_t scaled =
      tfedge_requantize_wide(total, params->multiplier[index], params->shift[index]);
  return (int16_t)tfedge_clamp(scaled, params->output_min, params->output_max);
}

TFEDGE_SHARED
TFEDGE_KEEP_ORDER void tfedge_matmul_s16_row(const tfedge_matmul_s16_params *params,
                                             const int16_t *row, int16_t *output) {
  const int32_t depth = params->depth;
  const int8_t *weights = params->weights;
  const int32_t fours = params->channels - params->channels % 4;
  int32_t channel = 0;
  for (; channel < fours; channel += 4) {
    int64_t sums[4] = {0, 0, 0, 0};
    tfedge_dot_s16_one_by_four(row, weights, depth, sums);
    for (int32_t i = 0; i < 4; i++) {
      output[channel + i] = tfedge_matmul_s16_output(params, channel + i, sums[i]);
    }
    weights += 4 * depth;
  }
  for (; channel < params->channels; channel++) {
    output[channel] =
        tfedge_matmul_s16_output(params, channel, tfedge_dot_s16(row, weights, depth));
    weights += depth;
  }
}
