/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_DYNAMIC_H
#define TFEDGE_CONV_2D_DYNAMIC_H

#include "tfedge_dynamic_range.h"

/* CONV_2D and DEPTHWISE_CONV_2D on real numbers with int8 weights: each image of
 * [batches][input_height][input_width][input_channels] becomes int8 by a scale of its own, is
 * multiplied with the weights in integers, and the sums become real again:
 *
 *   output = limit(sum of weights * (integer - zero_point) * scale of the weights * scale + bias)
 *
 * Taps outside the input do not count. CONV_2D has weights [channels][kernel_height][kernel_width]
 * [input_channels / groups]; DEPTHWISE_CONV_2D has [kernel_height][kernel_width][channels].
 * scratch: input_height * input_width * input_channels bytes.
 * Source: LiteRT's reference kernels with hybrid types. */
typedef struct tfedge_conv_2d_dynamic_params {
  int32_t groups; /* of DEPTHWISE_CONV_2D, input_channels */
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t input_channels;
  int32_t output_height;
  int32_t output_width;
  int32_t channels;
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_y;
  int32_t stride_x;
  int32_t dilation_y;
  int32_t dilation_x;
  int32_t pad_top;
  int32_t pad_left;
  int32_t asymmetric;   /* 1: images have a zero point */
  int32_t scales_first; /* 1: sum * (scale of the weights * scale), as some references have it */
  const int8_t *weights;
  const float *weight_scales; /* [channels], or [1] if channel_step is 0 */
  int32_t channel_step;
  const float *bias; /* [channels] */
  float output_min;
  float output_max;
} tfedge_conv_2d_dynamic_params;

/* The sum over the window at (top, left) for one channel; input is at the first channel of its
 * group, weights at the channel's first, and steps lead from one to the next. */
TFEDGE_INLINE int32_t tfedge_conv_2d_dynamic_sum(const tfedge_conv_2d_dynamic_params *params,
                                                 const int8_t *input, int32_t zero_point,
                                                 const int8_t *weights, int32_t weight_step,
                                                 int32_t top, int32_t left) {
  const int32_t depth = params->input_channels / params->groups;
  int32_t sum = 0;
  for (int32_t tap_y = 0; tap_y < params->kernel_height; tap_y++) {
    const int32_t y = top + tap_y * params->dilation_y;
    for (int32_t tap_x = 0; tap_x < params->kernel_width; tap_x++) {
      const int32_t x = left + tap_x * params->dilation_x;
      if (y >= 0 && y < params->input_height && x >= 0 && x < params->input_width) {
        const int8_t *const pixel = input + (y * params->input_width + x) * params->input_channels;
        for (int32_t k = 0; k < depth; k++) {
          sum += weights[k] * (pixel[k] - zero_point);
        }
      }
      weights += weight_step;
    }
  }
  return sum;
}

/* One image; by_channel is a literal, 1 for DEPTHWISE_CONV_2D. Returns the end of what it wrote. */
TFEDGE_INLINE float *tfedge_conv_2d_dynamic_image(const tfedge_conv_2d_dynamic_params *params,
                                                  const int8_t *image, tfedge_dynamic_range range,
                                                  int by_channel, float *output) {
  const int32_t depth = params->input_channels / params->groups;
  const int32_t group_channels = params->channels / params->groups;
  const int32_t step = by_channel ? params->channels : depth;
  const int32_t first = by_channel ? 1 : params->kernel_height * params->kernel_width * depth;
  for (int32_t y = 0; y < params->output_height; y++) {
    for (int32_t x = 0; x < params->output_width; x++) {
      for (int32_t channel = 0; channel < params->channels; channel++) {
        const int32_t sum = tfedge_conv_2d_dynamic_sum(
            params, image + channel / group_channels * depth, range.zero_point,
            params->weights + channel * first, step, y * params->stride_y - params->pad_top,
            x * params->stride_x - params->pad_left);
        const float scale = params->weight_scales[channel * params->channel_step];
        const float real = params->scales_first != 0 ? (float)sum * (scale * range.scale)
                                                     : (float)sum * scale * range.scale;
        *output++ =
            tfedge_limit_f32(real + params->bias[channel], params->output_min, params->output_max);
      }
    }
  }
  return output;
}

TFEDGE_INLINE void tfedge_conv_2d_dynamic_run(const tfedge_conv_2d_dynamic_params *params,
                                              int by_channel, const float *input, float *output,
                                              void *scratch) {
  const int32_t size = params->input_height * params->input_width * params->input_channels;
  int8_t *const image = (int8_t *)scratch;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    const tfedge_dynamic_range range =
        params->asymmetric != 0 ? tfedge_dynamic_range_asymmetric(input + batch * size, size, image)
                                : tfedge_dynamic_range_symmetric(input + batch * size, size, image);
    output = tfedge_conv_2d_dynamic_image(params, image, range, by_channel, output);
  }
}

TFEDGE_INLINE void tfedge_conv_2d_dynamic_inline(const tfedge_conv_2d_dynamic_params *params,
                                                 const float *input, float *output, void *scratch) {
  tfedge_conv_2d_dynamic_run(params, 0, input, output, scratch);
}

TFEDGE_INLINE void tfedge_depthwise_conv_2d_dynamic_inline(
    const tfedge_conv_2d_dynamic_params *params, const float *input, float *output, void *scratch) {
  tfedge_conv_2d_dynamic_run(params, 1, input, output, scratch);
}

void tfedge_conv_2d_dynamic(const tfedge_conv_2d_dynamic_params *params, const float *input,
                            float *output, void *scratch);
void tfedge_depthwise_conv_2d_dynamic(const tfedge_conv_2d_dynamic_params *params,
                                      const float *input, float *output, void *scratch);

#endif
