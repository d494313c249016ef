/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_DEPTHWISE_CONV_2D_S16_H
#define TFEDGE_DEPTHWISE_CONV_2D_S16_H

#include "tfedge_requantize.h"

/* DEPTHWISE_CONV_2D on int16 with int8 weights:
 * [batches][input_height][input_width][input_channels]
 * -> [batches][output_height][output_width][input_channels * depth_multiplier]. All zero points are
 * 0, and taps outside the input do not count. A row of taps is summed up in 32 bits, a window in
 * 64; kernel_width is at most 511. Source: TFLite Micro's reference DEPTHWISE_CONV_2D on int16;
 * rounds once. */
typedef struct tfedge_depthwise_conv_2d_s16_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t input_channels;
  int32_t output_height;
  int32_t output_width;
  int32_t depth_multiplier;
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_y;
  int32_t stride_x;
  int32_t dilation_y;
  int32_t dilation_x;
  int32_t pad_top;
  int32_t pad_left;
  const int8_t *weights;     /* [kernel_height][kernel_width][output channels] */
  const int64_t *bias;       /* [output channels] */
  const int16_t *multiplier; /* [output channels], or [1] if channel_step is 0; 0..32767 */
  const int8_t *shift;       /* like multiplier; -31..7, positive to the left */
  int32_t channel_step;      /* 1: multipliers per channel; 0: one for all */
  int32_t output_min;
  int32_t output_max;
} tfedge_depthwise_conv_2d_s16_params;

/* A row of taps from column `left` of an input row on. */
TFEDGE_INLINE int32_t
tfedge_depthwise_conv_2d_s16_row(const tfedge_depthwise_conv_2d_s16_params *params,
                                 const int16_t *row, const int8_t *weights, int32_t left) {
  const int32_t channels = params->input_channels * params->depth_multiplier;
  int32_t sum = 0;
  for (int32_t tap = 0; tap < params->kernel_width; tap++) {
    const int32_t x = left + tap * params->dilation_x;
    if (x >= 0 && x < params->input_width) {
      sum += (int32_t)row[x * params->input_channels] * weights[tap * channels];
    }
  }
  return sum;
}

/* One channel of the output pixel whose window starts at (top, left). */
TFEDGE_INLINE int16_t
tfedge_depthwise_conv_2d_s16_one(const tfedge_depthwise_conv_2d_s16_params *params,
                                 const int16_t *input, int32_t top, int32_t left, int32_t channel) {
  const int32_t row_taps = params->kernel_width * params->input_channels * params->depth_multiplier;
  const int32_t row_elements = params->input_width * params->input_channels;
  const int32_t index = channel * params->channel_step;
  const int8_t *weights = params->weights + channel;
  int64_t sum = 0;
  input += channel / params->depth_multiplier;
  for (int32_t tap = 0; tap < params->kernel_height; tap++) {
    const int32_t y = top + tap * params->dilation_y;
    if (y >= 0 && y < params->input_height) {
      sum += tfedge_depthwise_conv_2d_s16_row(params, input + y * row_elements, weights, left);
    }
    weights += row_taps;
  }
  const int64_t total = (int64_t)((uint64_t)sum + (uint64_t)params->bias[channel]);
  const int32_t scaled =
      tfedge_requantize_wide(total, params->multiplier[index], params->shift[index]);
  return (int16_t)tfedge_clamp(scaled, params->output_min, params->output_max);
}

TFEDGE_INLINE void tfedge_depthwise_conv_2d_s16_inline(
    const tfedge_depthwise_conv_2d_s16_params *params, const int16_t *input, int16_t *output) {
  const int32_t channels = params->input_channels * params->depth_multiplier;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t y = 0; y < params->output_height; y++) {
      const int32_t top = y * params->stride_y - params->pad_top;
      for (int32_t x = 0; x < params->output_width; x++) {
        const int32_t left = x * params->stride_x - params->pad_left;
        for (int32_t channel = 0; channel < channels; channel++) {
          *output++ = tfedge_depthwise_conv_2d_s16_one(params, input, top, left, channel);
        }
      }
    }
    input += params->input_height * params->input_width * params->input_channels;
  }
}

void tfedge_depthwise_conv_2d_s16(const tfedge_depthwise_conv_2d_s16_params *params,
                                  const int16_t *input, int16_t *output);

#endif
