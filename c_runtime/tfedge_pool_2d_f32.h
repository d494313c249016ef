/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_POOL_2D_F32_H
#define TFEDGE_POOL_2D_F32_H

#include "tfedge_real_f32.h"

/* AVERAGE_POOL_2D and MAX_POOL_2D on real numbers: [batches][input_height][input_width][channels]
 * -> [batches][output_height][output_width][channels]. Taps outside the input do not count; sums
 * are in the order of rows and columns, then divided.
 * Source: TFLite Micro's reference AVERAGE_POOL_2D and MAX_POOL_2D on float. */
typedef struct tfedge_pool_2d_f32_params {
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
  float output_min;
  float output_max;
} tfedge_pool_2d_f32_params;

/* The part of a window that lies within the input, as a pointer and an extent. */
typedef struct tfedge_pool_2d_f32_window {
  const float *corner;
  int32_t height;
  int32_t width;
} tfedge_pool_2d_f32_window;

TFEDGE_INLINE tfedge_pool_2d_f32_window
tfedge_pool_2d_f32_clip(const tfedge_pool_2d_f32_params *params, const float *input,
                        int32_t output_y, int32_t output_x) {
  const int32_t top = output_y * params->stride_y - params->pad_top;
  const int32_t left = output_x * params->stride_x - params->pad_left;
  const int32_t y0 = top > 0 ? top : 0;
  const int32_t x0 = left > 0 ? left : 0;
  const int32_t bottom = top + params->kernel_height;
  const int32_t right = left + params->kernel_width;
  tfedge_pool_2d_f32_window window;
  window.corner = input + (y0 * params->input_width + x0) * params->channels;
  window.height = (bottom < params->input_height ? bottom : params->input_height) - y0;
  window.width = (right < params->input_width ? right : params->input_width) - x0;
  return window;
}

/* One channel of a window; average is a literal. */
TFEDGE_INLINE float tfedge_pool_2d_f32_one(const tfedge_pool_2d_f32_params *params,
                                           const tfedge_pool_2d_f32_window *window, int32_t channel,
                                           int average) {
  float result = average ? 0.0f : window->corner[channel];
  for (int32_t y = 0; y < window->height; y++) {
    const float *pixel = window->corner + y * params->input_width * params->channels + channel;
    for (int32_t x = 0; x < window->width; x++) {
      if (average != 0) {
        result += *pixel;
      } else {
        result = *pixel > result ? *pixel : result;
      }
      pixel += params->channels;
    }
  }
  return average ? result / (float)(window->height * window->width) : result;
}

/* Runs one of the two over the output; average is a literal. */
TFEDGE_INLINE void tfedge_pool_2d_f32_run(const tfedge_pool_2d_f32_params *params,
                                          const float *input, float *output, int average) {
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t y = 0; y < params->output_height; y++) {
      for (int32_t x = 0; x < params->output_width; x++) {
        const tfedge_pool_2d_f32_window window = tfedge_pool_2d_f32_clip(params, input, y, x);
        for (int32_t channel = 0; channel < params->channels; channel++) {
          *output++ = tfedge_limit_f32(tfedge_pool_2d_f32_one(params, &window, channel, average),
                                       params->output_min, params->output_max);
        }
      }
    }
    input += params->input_height * params->input_width * params->channels;
  }
}

TFEDGE_INLINE void tfedge_average_pool_2d_f32_inline(const tfedge_pool_2d_f32_params *params,
                                                     const float *input, float *output) {
  tfedge_pool_2d_f32_run(params, input, output, 1);
}

TFEDGE_INLINE void tfedge_max_pool_2d_f32_inline(const tfedge_pool_2d_f32_params *params,
                                                 const float *input, float *output) {
  tfedge_pool_2d_f32_run(params, input, output, 0);
}

void tfedge_average_pool_2d_f32(const tfedge_pool_2d_f32_params *params, const float *input,
                                float *output);
void tfedge_max_pool_2d_f32(const tfedge_pool_2d_f32_params *params, const float *input,
                            float *output);

#endif
