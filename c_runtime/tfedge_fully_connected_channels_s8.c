/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_channels_s8.h"

/* `count` channels, and where the next ones' weights lie. */
TFEDGE_INLINE const int8_t *tfedge_fully_connected_channels_s8_group(
    const tfedge_matmul_channels_s8_params *params, const int8_t *input, const int8_t *weights,
    int32_t channel, int32_t count, int8_t *output) {
#if TFEDGE_HAS_RVV
  const size_t values = tfedge_group_length(count);
  vint32m8_t sums = __riscv_vle32_v_i32m8(params->bias + channel, values);
  int32_t left = params->depth;
  for (; left >= 4; left -= 4) {
    for (int32_t k = 0; k < 4; k++) {
      sums = __riscv_vwmacc_vx_i32m8(sums, input[k], tfedge_group_s8(weights, values), values);
      weights += values;
    }
    input += 4;
  }
  for (; left > 0; left--) {
    sums = __riscv_vwmacc_vx_i32m8(sums, *input++, tfedge_group_s8(weights, values), values);
    weights += values;
  }
  const vint8m2_t bytes =
      tfedge_requantize_group(sums, &params->scales, channel, &params->output, values);
  __riscv_vse8_v_i8m2(output + channel, bytes, values);
  return weights;
#else
  for (int32_t lane = 0; lane < count; lane++) {
    int32_t sum = params->bias[channel + lane];
    for (int32_t k = 0; k < params->depth; k++) {
      sum = tfedge_wrapping_add(sum, input[k] * weights[k * count + lane]);
    }
    output[channel + lane] =
        tfedge_requantize_channel(sum, &params->scales, channel + lane, &params->output);
  }
  return weights + count * params->depth;
#endif
}

TFEDGE_SHARED
void tfedge_fully_connected_channels_s8(const tfedge_matmul_channels_s8_params *params,
                                        const int8_t *input, int8_t *output) {
  const int8_t *weights = params->weights;
  for (int32_t channel = 0; channel < params->channels; channel += TFEDGE_GROUP) {
    const int32_t count = tfedge_group_size(params->channels - channel);
    weights =
        tfedge_fully_connected_channels_s8_group(params, input, weights, channel, count, output);
  }
}
