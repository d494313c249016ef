/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_BFP8_H
#define TFEDGE_CONV_2D_BFP8_H

#include "tfedge_bfp8.h"

/* CONV_2D and DEPTHWISE_CONV_2D on block floating point, and FULLY_CONNECTED as one of windows of
 * one pixel: [batches][input_height][input_width][input_channels] with int8 weights, as
 * tfedge_conv_2d_dynamic.h has them. Of the sum of products,
 *
 *   output = limit((sum * 2^left * multiplier / 2^31) * 2^(exponent - left + scale_exponent)
 *                  + bias * 2^bias_exponent)
 *
 * where the two parts are brought to the larger of their exponents before they are added. Sums
 * times 2^left are below 2^30. */
typedef struct tfedge_conv_2d_bfp8_params {
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
  const int8_t *weights;
  const int32_t *multiplier; /* [channels], or [1] if channel_step is 0; Q0.31 */
  int32_t channel_step;
  int32_t scale_exponent;
  int32_t left;
  const int32_t *bias; /* [channels], below 2^30 */
  int32_t bias_exponent;
  int32_t input_largest;
  int32_t output_largest;
  tfedge_bfp8_limits limits;
} tfedge_conv_2d_bfp8_params;

/* How the two parts of an output come to one exponent, which the input's decides. */
typedef struct tfedge_conv_2d_bfp8_exponents {
  int32_t sum_shift;
  int32_t bias_shift;
  tfedge_bfp8_limits limits;
} tfedge_conv_2d_bfp8_exponents;

/* The taps of a window along one side that lie within the image: begin..end - 1. */
typedef struct tfedge_conv_2d_bfp8_taps {
  int32_t begin;
  int32_t end;
} tfedge_conv_2d_bfp8_taps;

TFEDGE_INLINE tfedge_conv_2d_bfp8_taps tfedge_conv_2d_bfp8_taps_at(int32_t first, int32_t dilation,
                                                                   int32_t kernel, int32_t size) {
  tfedge_conv_2d_bfp8_taps taps = {0, kernel};
  while (taps.begin < kernel && first + taps.begin * dilation < 0) {
    taps.begin++;
  }
  while (taps.end > taps.begin && first + (taps.end - 1) * dilation >= size) {
    taps.end--;
  }
  return taps;
}

/* A window: its first pixel, which may lie outside the image, and what lies inside. */
typedef struct tfedge_conv_2d_bfp8_window {
  int32_t top;
  int32_t left;
  tfedge_conv_2d_bfp8_taps rows;
  tfedge_conv_2d_bfp8_taps columns;
} tfedge_conv_2d_bfp8_window;

TFEDGE_INLINE tfedge_conv_2d_bfp8_window
tfedge_conv_2d_bfp8_window_at(const tfedge_conv_2d_bfp8_params *params, int32_t y, int32_t x) {
  const int32_t top = y * params->stride_y - params->pad_top;
  const int32_t left = x * params->stride_x - params->pad_left;
  const tfedge_conv_2d_bfp8_window window = {
      top, left,
      tfedge_conv_2d_bfp8_taps_at(top, params->dilation_y, params->kernel_height,
                                  params->input_height),
      tfedge_conv_2d_bfp8_taps_at(left, params->dilation_x, params->kernel_width,
                                  params->input_width)};
  return window;
}

TFEDGE_INLINE int32_t tfedge_conv_2d_bfp8_products(const int8_t *bytes, int32_t largest,
                                                   const int8_t *weights, int32_t count,
                                                   int32_t sum) {
  if (largest == TFEDGE_BFP8_UNSIGNED) {
    for (int32_t k = 0; k < count; k++) {
      sum += weights[k] * (int32_t)(uint8_t)bytes[k];
    }
  } else {
    for (int32_t k = 0; k < count; k++) {
      sum += weights[k] * bytes[k];
    }
  }
  return sum;
}

/* The sum over a row of a window for one channel: taps in a row that touch are one. */
TFEDGE_INLINE int32_t tfedge_conv_2d_bfp8_row(const tfedge_conv_2d_bfp8_params *params,
                                              const int8_t *pixel, const int8_t *weights,
                                              int32_t weight_step, int32_t taps, int32_t sum) {
  const int32_t depth = params->input_channels / params->groups;
  const int32_t step = params->dilation_x * params->input_channels;
  if (step == depth && weight_step == depth) {
    return tfedge_conv_2d_bfp8_products(pixel, params->input_largest, weights, taps * depth, sum);
  }
  for (int32_t tap = 0; tap < taps; tap++) {
    sum = tfedge_conv_2d_bfp8_products(pixel, params->input_largest, weights, depth, sum);
    pixel += step;
    weights += weight_step;
  }
  return sum;
}

/* The sum over a window for one channel; image is at the first channel of its group, weights at the
 * channel's first, and weight_step leads from one tap to the next. */
TFEDGE_INLINE int32_t tfedge_conv_2d_bfp8_sum(const tfedge_conv_2d_bfp8_params *params,
                                              tfedge_conv_2d_bfp8_window window,
                                              const int8_t *image, const int8_t *weights,
                                              int32_t weight_step) {
  const int32_t x = window.left + window.columns.begin * params->dilation_x;
  const int32_t taps = window.columns.end - window.columns.begin;
  int32_t sum = 0;
  for (int32_t tap = window.rows.begin; taps > 0 && tap < window.rows.end; tap++) {
    const int32_t y = window.top + tap * params->dilation_y;
    sum = tfedge_conv_2d_bfp8_row(
        params, image + (y * params->input_width + x) * params->input_channels,
        weights + (tap * params->kernel_width + window.columns.begin) * weight_step, weight_step,
        taps, sum);
  }
  return sum;
}

TFEDGE_INLINE int32_t tfedge_conv_2d_bfp8_one(const tfedge_conv_2d_bfp8_params *params,
                                              const tfedge_conv_2d_bfp8_exponents *exponents,
                                              int32_t channel, int32_t sum) {
  const int32_t wide = (int32_t)((uint32_t)sum << params->left);
  const int32_t scaled =
      tfedge_multiply_high(wide, params->multiplier[channel * params->channel_step]);
  const int32_t total = tfedge_bfp8_right(scaled, exponents->sum_shift) +
                        tfedge_bfp8_right(params->bias[channel], exponents->bias_shift);
  return tfedge_clamp(total, exponents->limits.low, exponents->limits.high);
}

/* One image; by_channel is a literal, 1 for DEPTHWISE_CONV_2D. */
TFEDGE_INLINE void tfedge_conv_2d_bfp8_image(const tfedge_conv_2d_bfp8_params *params,
                                             const tfedge_conv_2d_bfp8_exponents *exponents,
                                             const int8_t *image, int by_channel,
                                             tfedge_bfp8_writer *writer) {
  const int32_t depth = params->input_channels / params->groups;
  const int32_t group_channels = params->channels / params->groups;
  const int32_t step = by_channel ? params->channels : depth;
  const int32_t first = by_channel ? 1 : params->kernel_height * params->kernel_width * depth;
  for (int32_t y = 0; y < params->output_height; y++) {
    for (int32_t x = 0; x < params->output_width; x++) {
      const tfedge_conv_2d_bfp8_window window = tfedge_conv_2d_bfp8_window_at(params, y, x);
      for (int32_t channel = 0; channel < params->channels; channel++) {
        const int32_t sum =
            tfedge_conv_2d_bfp8_sum(params, window, image + channel / group_channels * depth,
                                    params->weights + channel * first, step);
        tfedge_bfp8_put(writer, tfedge_conv_2d_bfp8_one(params, exponents, channel, sum));
      }
    }
  }
}

TFEDGE_INLINE void tfedge_conv_2d_bfp8_run(const tfedge_conv_2d_bfp8_params *params, int by_channel,
                                           const int8_t *input, int8_t *output) {
  const int32_t size = params->input_height * params->input_width * params->input_channels;
  const int32_t of_sums = tfedge_bfp8_exponent(input) + params->scale_exponent - params->left;
  const int32_t exponent = tfedge_bfp8_max(of_sums, params->bias_exponent);
  const tfedge_conv_2d_bfp8_exponents exponents = {exponent - of_sums,
                                                   exponent - params->bias_exponent,
                                                   tfedge_bfp8_limits_at(params->limits, exponent)};
  const int8_t *image = input + TFEDGE_BFP8_HEADER;
  tfedge_bfp8_writer writer = tfedge_bfp8_begin(output, params->output_largest, exponent);
  for (int32_t batch = 0; batch < params->batches; batch++) {
    tfedge_conv_2d_bfp8_image(params, &exponents, image, by_channel, &writer);
    image += size;
  }
  tfedge_bfp8_end(&writer, output);
}

TFEDGE_INLINE void tfedge_conv_2d_bfp8_inline(const tfedge_conv_2d_bfp8_params *params,
                                              const int8_t *input, int8_t *output) {
  tfedge_conv_2d_bfp8_run(params, 0, input, output);
}

TFEDGE_INLINE void tfedge_depthwise_conv_2d_bfp8_inline(const tfedge_conv_2d_bfp8_params *params,
                                                        const int8_t *input, int8_t *output) {
  tfedge_conv_2d_bfp8_run(params, 1, input, output);
}

void tfedge_conv_2d_bfp8(const tfedge_conv_2d_bfp8_params *params, const int8_t *input,
                         int8_t *output);
void tfedge_depthwise_conv_2d_bfp8(const tfedge_conv_2d_bfp8_params *params, const int8_t *input,
                                   int8_t *output);

#endif
