/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_POOL_2D_S16_H
#define TFEDGE_POOL_2D_S16_H

#include "tfedge_requantize.h"

/* AVERAGE_POOL_2D and MAX_POOL_2D on int16: [batches][input_height][input_width][channels] ->
 * [batches][output_height][output_width][channels], input and output of one scale and zero point.
 * Taps outside the input do not count, and averages round half away from zero.
 * Source: TFLite Micro's reference AVERAGE_POOL_2D and MAX_POOL_2D on int16. */
typedef struct tfedge_pool_2d_s16_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t channels;
  int32_t output_height;
  int32_t output_width;
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_y;
  int32_t stride_x;
  int32_t pad_top;
  int32_t pad_left;
  int32_t output_min;
  int32_t output_max;
} tfedge_pool_2d_s16_params;

/* The part of a window that lies within the input, as a pointer and an extent. */
typedef struct tfedge_pool_2d_s16_window {
  const int16_t *corner;
  int32_t height;
  int32_t width;
} tfedge_pool_2d_s16_window;

TFEDGE_INLINE tfedge_pool_2d_s16_window
tfedge_pool_2d_s16_clip(const tfedge_pool_2d_s16_params *params, const int16_t *input,
                        int32_t output_y, int32_t output_x) {
  const int32_t top = output_y * params->stride_y - params->pad_top;
  const int32_t left = output_x * params->stride_x - params->pad_left;
  const int32_t y0 = top > 0 ? top : 0;
  const int32_t x0 = left > 0 ? left : 0;
  const int32_t bottom = top + params->kernel_height;
  const int32_t right = left + params->kernel_width;
  tfedge_pool_2d_s16_window window;
  window.corner = input + (y0 * params->input_width + x0) * params->channels;
  window.height = (bottom < params->input_height ? bottom : params->input_height) - y0;
  window.width = (right < params->input_width ? right : params->input_width) - x0;
  return window;
}

TFEDGE_INLINE int32_t tfedge_pool_2d_s16_average(const tfedge_pool_2d_s16_params *params,
                                                 const tfedge_pool_2d_s16_window *window,
                                                 int32_t channel) {
  const int32_t count = window->height * window->width;
  int32_t sum = 0;
  for (int32_t y = 0; y < window->height; y++) {
    const int16_t *pixel = window->corner + y * params->input_width * params->channels + channel;
    for (int32_t x = 0; x < window->width; x++) {
      sum += *pixel;
      pixel += params->channels;
    }
  }
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

TFEDGE_INLINE int32_t tfedge_pool_2d_s16_max(const tfedge_pool_2d_s16_params *params,
                                             const tfedge_pool_2d_s16_window *window,
                                             int32_t channel) {
  int32_t largest = INT16_MIN;
  for (int32_t y = 0; y < window->height; y++) {
    const int16_t *pixel = window->corner + y * params->input_width * params->channels + channel;
    for (int32_t x = 0; x < window->width; x++) {
      largest = *pixel > largest ? *pixel : largest;
      pixel += params->channels;
    }
  }
  return largest;
}

/* Runs one of the two over the output; average is a literal. */
TFEDGE_INLINE void tfedge_pool_2d_s16_run(const tfedge_pool_2d_s16_params *params,
                                          const int16_t *input, int16_t *output, int average) {
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t y = 0; y < params->output_height; y++) {
      for (int32_t x = 0; x < params->output_width; x++) {
        const tfedge_pool_2d_s16_window window = tfedge_pool_2d_s16_clip(params, input, y, x);
        for (int32_t channel = 0; channel < params->channels; channel++) {
          const int32_t value = average ? tfedge_pool_2d_s16_average(params, &window, channel)
                                        : tfedge_pool_2d_s16_max(params, &window, channel);
          *output++ = (int16_t)tfedge_clamp(value, params->output_min, params->output_max);
        }
      }
    }
    input += params->input_height * params->input_width * params->channels;
  }
}

TFEDGE_INLINE void tfedge_average_pool_2d_s16_inline(const tfedge_pool_2d_s16_params *params,
                                                     const int16_t *input, int16_t *output) {
  tfedge_pool_2d_s16_run(params, input, output, 1);
}

TFEDGE_INLINE void tfedge_max_pool_2d_s16_inline(const tfedge_pool_2d_s16_params *params,
                                                 const int16_t *input, int16_t *output) {
  tfedge_pool_2d_s16_run(params, input, output, 0);
}

void tfedge_average_pool_2d_s16(const tfedge_pool_2d_s16_params *params, const int16_t *input,
                                int16_t *output);
void tfedge_max_pool_2d_s16(const tfedge_pool_2d_s16_params *params, const int16_t *input,
                            int16_t *output);

#endif
