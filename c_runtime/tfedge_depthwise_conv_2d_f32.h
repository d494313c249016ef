/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_DEPTHWISE_CONV_2D_F32_H
#define TFEDGE_DEPTHWISE_CONV_2D_F32_H

#include "tfedge_real_f32.h"

/* DEPTHWISE_CONV_2D on real numbers: [batches][input_height][input_width][input_channels]
 * -> [batches][output_height][output_width][input_channels * depth_multiplier]. Taps outside the
 * input are left out of sums, which are in the order of rows and columns, the bias last.
 * depthwise_conv_2d_f16 has weights of half precision.
 * Source: TFLite Micro's reference DEPTHWISE_CONV_2D on float. */
typedef struct tfedge_depthwise_conv_2d_f32_params {
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
  const void *weights; /* [kernel_height][kernel_width][output channels] */
  const float *bias;   /* [output channels] */
  float output_min;
  float output_max;
} tfedge_depthwise_conv_2d_f32_params;

/* One channel of the output pixel whose window starts at (top, left). */
TFEDGE_INLINE float tfedge_depthwise_conv_2d_f32_one(
    const tfedge_depthwise_conv_2d_f32_params *params, tfedge_stored_f32 weight, const float *input,
    int32_t top, int32_t left, int32_t channel) {
  const int32_t channels = params->input_channels * params->depth_multiplier;
  float sum = 0.0f;
  input += channel / params->depth_multiplier;
  for (int32_t tap_y = 0; tap_y < params->kernel_height; tap_y++) {
    const int32_t y = top + tap_y * params->dilation_y;
    if (y >= 0 && y < params->input_height) {
      const float *const row = input + y * params->input_width * params->input_channels;
      for (int32_t tap_x = 0; tap_x < params->kernel_width; tap_x++) {
        const int32_t x = left + tap_x * params->dilation_x;
        if (x >= 0 && x < params->input_width) {
          const int32_t tap = tap_y * params->kernel_width + tap_x;
          sum +=
              row[x * params->input_channels] * weight(params->weights, tap * channels + channel);
        }
      }
    }
  }
  return tfedge_limit_f32(sum + params->bias[channel], params->output_min, params->output_max);
}

/* weight is a literal. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_f32_run(
    const tfedge_depthwise_conv_2d_f32_params *params, tfedge_stored_f32 weight, const float *input,
    float *output) {
  const int32_t channels = params->input_channels * params->depth_multiplier;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t y = 0; y < params->output_height; y++) {
      const int32_t top = y * params->stride_y - params->pad_top;
      for (int32_t x = 0; x < params->output_width; x++) {
        const int32_t left = x * params->stride_x - params->pad_left;
        for (int32_t channel = 0; channel < channels; channel++) {
          *output++ = tfedge_depthwise_conv_2d_f32_one(params, weight, input, top, left, channel);
        }
      }
    }
    input += params->input_height * params->input_width * params->input_channels;
  }
}

TFEDGE_INLINE void tfedge_depthwise_conv_2d_f32_inline(
    const tfedge_depthwise_conv_2d_f32_params *params, const float *input, float *output) {
  tfedge_depthwise_conv_2d_f32_run(params, tfedge_stored_f32_single, input, output);
}

TFEDGE_INLINE void tfedge_depthwise_conv_2d_f16_inline(
    const tfedge_depthwise_conv_2d_f32_params *params, const float *input, float *output) {
  tfedge_depthwise_conv_2d_f32_run(params, tfedge_stored_f32_half, input, output);
}

void tfedge_depthwise_conv_2d_f32(const tfedge_depthwise_conv_2d_f32_params *params,
                                  const float *input, float *output);
void tfedge_depthwise_conv_2d_f16(const tfedge_depthwise_conv_2d_f32_params *params,
                                  const float *input, float *output);

#endif
