/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_depthwise_conv_2d_channels_s8.h"

/* A vector of outputs. */
typedef struct tfedge_depthwise_conv_2d_channels_s8_vector {
  const int8_t *from; /* its first tap */
  int8_t *to;
  int32_t count; /* of values */
} tfedge_depthwise_conv_2d_channels_s8_vector;

#if TFEDGE_HAS_RVV

TFEDGE_INLINE void tfedge_depthwise_conv_2d_channels_s8_output(
    const tfedge_depthwise_conv_2d_channels_s8_params *params, int32_t channel, vint32m8_t sums,
    int8_t *output, size_t count) {
  const vint8m2_t bytes =
      tfedge_requantize_group(sums, &params->scales, channel, &params->output, count);
  __riscv_vse8_v_i8m2(output, bytes, count);
}

/* Two vectors of a group, of which the second has as many values or fewer: what it reads beyond
 * them is not written. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_channels_s8_two(
    const tfedge_depthwise_conv_2d_channels_s8_params *params, int32_t channel,
    const tfedge_depthwise_conv_2d_channels_s8_vector *first,
    const tfedge_depthwise_conv_2d_channels_s8_vector *second) {
  const size_t count = (size_t)first->count;
  const int8_t *weights = params->weights + channel * params->taps;
  vint32m8_t a = __riscv_vle32_v_i32m8(params->bias + channel, count);
  vint32m8_t b = a;
  for (int32_t tap = 0; tap < params->taps; tap++) {
    const int32_t offset = params->offsets[tap];
    const vint16m4_t w = tfedge_group_s8(weights, count);
    a = __riscv_vwmacc_vv_i32m8(a, tfedge_group_s8(first->from + offset, count), w, count);
    b = __riscv_vwmacc_vv_i32m8(b, tfedge_group_s8(second->from + offset, count), w, count);
    weights += TFEDGE_GROUP;
  }
  tfedge_depthwise_conv_2d_channels_s8_output(params, channel, a, first->to, count);
  tfedge_depthwise_conv_2d_channels_s8_output(params, channel, b, second->to,
                                              (size_t)second->count);
}

#else

TFEDGE_INLINE void tfedge_depthwise_conv_2d_channels_s8_one(
    const tfedge_depthwise_conv_2d_channels_s8_params *params, int32_t channel,
    const tfedge_depthwise_conv_2d_channels_s8_vector *vector) {
  for (int32_t lane = 0; lane < vector->count; lane++) {
    const int8_t *const weights = params->weights + channel * params->taps + lane;
    int32_t sum = params->bias[channel + lane];
    for (int32_t tap = 0; tap < params->taps; tap++) {
      const int32_t x = vector->from[params->offsets[tap] + lane];
      sum = tfedge_wrapping_add(sum, x * weights[tap * TFEDGE_GROUP]);
    }
    vector->to[lane] =
        tfedge_requantize_channel(sum, &params->scales, channel + lane, &params->output);
  }
}

TFEDGE_INLINE void tfedge_depthwise_conv_2d_channels_s8_two(
    const tfedge_depthwise_conv_2d_channels_s8_params *params, int32_t channel,
    const tfedge_depthwise_conv_2d_channels_s8_vector *first,
    const tfedge_depthwise_conv_2d_channels_s8_vector *second) {
  tfedge_depthwise_conv_2d_channels_s8_one(params, channel, first);
  tfedge_depthwise_conv_2d_channels_s8_one(params, channel, second);
}

#endif

/* One group of channels in one row of outputs; the last vector of an odd number is computed
 * twice. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_channels_s8_group(
    const tfedge_depthwise_conv_2d_channels_s8_params *params, int32_t channel, const int8_t *from,
    int8_t *to) {
  int32_t values = params->values - (params->values_step > 0 ? 0 : channel);
  for (int32_t left = params->steps; left > 0; left -= 2) {
    const int next = left > 1; /* vectors */
    const tfedge_depthwise_conv_2d_channels_s8_vector first = {from, to, tfedge_group_size(values)};
    const tfedge_depthwise_conv_2d_channels_s8_vector second = {
        from + next * params->input_step, to + next * params->output_step,
        tfedge_group_size(values - next * params->values_step)};
    tfedge_depthwise_conv_2d_channels_s8_two(params, channel, &first, &second);
    from += 2 * params->input_step;
    to += 2 * params->output_step;
    values -= 2 * params->values_step;
  }
}

TFEDGE_SHARED
void tfedge_depthwise_conv_2d_channels_s8(const tfedge_depthwise_conv_2d_channels_s8_params *params,
                                          const int8_t *input, int8_t *output, void *scratch) {
  const tfedge_depthwise_conv_2d_channels_s8_params local = *params; /* bytes cannot change it */
  for (int32_t batch = 0; batch < local.batches; batch++) {
    tfedge_row_window_s8 window = tfedge_row_window_s8_start(&local.window, (int8_t *)scratch);
    for (int32_t y = 0; y < local.output_height; y++) {
      const int32_t first = y * local.stride_y - local.window.pad_top;
      tfedge_row_window_s8_move(&local.window, &window, input, first);
      for (int32_t group = 0; group < local.groups; group++) {
        const int32_t channel = group * TFEDGE_GROUP;
        tfedge_depthwise_conv_2d_channels_s8_group(&local, channel, window.rows + channel,
                                                   output + channel);
      }
      output += local.output_row;
    }
    input += local.window.input_height * local.window.input_row;
  }
}
