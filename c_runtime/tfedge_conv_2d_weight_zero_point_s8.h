/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_WEIGHT_ZERO_POINT_S8_H
#define TFEDGE_CONV_2D_WEIGHT_ZERO_POINT_S8_H

#include "tfedge_requantize.h"

/* CONV_2D and DEPTHWISE_CONV_2D of uint8 models, all integers less 128, whose weights have a zero
 * point: [batches][input_height][input_width][input_channels] ->
 * [batches][output_height][output_width][channels].
 *
 * The first group_channels output channels read the first `depth` input channels, the next the
 * next. Taps outside the input count as nothing, and depth * kernel_height * kernel_width * 2^16
 * stays below 2^31. Source: LiteRT's reference kernels on uint8; rounds twice. */
typedef struct tfedge_conv_2d_weight_zero_point_s8_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t input_channels;
  int32_t output_height;
  int32_t output_width;
  int32_t channels;
  int32_t depth;
  int32_t group_channels; /* output channels that read the same input channels */
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_y;
  int32_t stride_x;
  int32_t dilation_y;
  int32_t dilation_x;
  int32_t pad_top;
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t weights_zero_point;
  const int8_t *weights; /* [channels][kernel_height][kernel_width][depth] */
  const int32_t *bias;   /* [channels] */
  int32_t multiplier;
  int32_t shift; /* positive to the left */
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
} tfedge_conv_2d_weight_zero_point_s8_params;

/* The sum of one output channel; input points to its first input channel at pixel (0, 0). */
TFEDGE_INLINE int32_t tfedge_conv_2d_weight_zero_point_s8_sum(
    const tfedge_conv_2d_weight_zero_point_s8_params *params, const int8_t *input,
    const int8_t *weights, int32_t top, int32_t left) {
  int32_t sum = 0;
  for (int32_t tap_y = 0; tap_y < params->kernel_height; tap_y++) {
    const int32_t y = top + tap_y * params->dilation_y;
    for (int32_t tap_x = 0; tap_x < params->kernel_width; tap_x++) {
      const int32_t x = left + tap_x * params->dilation_x;
      if (y >= 0 && y < params->input_height && x >= 0 && x < params->input_width) {
        const int8_t *const pixel = input + (y * params->input_width + x) * params->input_channels;
        for (int32_t k = 0; k < params->depth; k++) {
          sum += (pixel[k] - params->input_zero_point) * (weights[k] - params->weights_zero_point);
        }
      }
      weights += params->depth;
    }
  }
  return sum;
}

TFEDGE_INLINE void tfedge_conv_2d_weight_zero_point_s8_pixel(
    const tfedge_conv_2d_weight_zero_point_s8_params *params, const int8_t *input, int8_t *output,
    int32_t top, int32_t left) {
  const int32_t taps = params->kernel_height * params->kernel_width * params->depth;
  for (int32_t channel = 0; channel < params->channels; channel++) {
    const int32_t first = channel / params->group_channels * params->depth;
    const int32_t sum = tfedge_conv_2d_weight_zero_point_s8_sum(
        params, input + first, params->weights + channel * taps, top, left);
    const int32_t scaled = tfedge_requantize(tfedge_wrapping_add(sum, params->bias[channel]),
                                             params->multiplier, params->shift);
    output[channel] = (int8_t)tfedge_clamp(tfedge_wrapping_add(scaled, params->output_zero_point),
                                           params->output_min, params->output_max);
  }
}

TFEDGE_INLINE void tfedge_conv_2d_weight_zero_point_s8_inline(
    const tfedge_conv_2d_weight_zero_point_s8_params *params, const int8_t *input, int8_t *output) {
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t y = 0; y < params->output_height; y++) {
      for (int32_t x = 0; x < params->output_width; x++) {
        tfedge_conv_2d_weight_zero_point_s8_pixel(params, input, output,
                                                  y * params->stride_y - params->pad_top,
                                                  x * params->stride_x - params->pad_left);
        output += params->channels;
      }
    }
    input += params->input_height * params->input_width * params->input_channels;
  }
}

void tfedge_conv_2d_weight_zero_point_s8(const tfedge_conv_2d_weight_zero_point_s8_params *params,
                                         const int8_t *input, int8_t *output);

#endif
