/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_POOL_2D_BFP8_H
#define TFEDGE_POOL_2D_BFP8_H

#include "tfedge_bfp8.h"

/* MAX_POOL_2D, AVERAGE_POOL_2D and MEAN over images on block floating point: [batches]
 * [input_height][input_width][channels]. A mean is sum * 2^left / count, rounded half away from
 * zero, with sums times 2^left below 2^30; count is of the pixels inside the image. */
typedef struct tfedge_pool_2d_bfp8_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t channels;
  int32_t output_height;
  int32_t output_width;
  int32_t window_height;
  int32_t window_width;
  int32_t stride_y;
  int32_t stride_x;
  int32_t pad_top;
  int32_t pad_left;
  int32_t left;
  int32_t input_largest;
  int32_t output_largest;
  tfedge_bfp8_limits limits;
} tfedge_pool_2d_bfp8_params;

/* The pixels of a window that are inside the image. */
typedef struct tfedge_pool_2d_bfp8_window {
  int32_t top;
  int32_t bottom;
  int32_t left;
  int32_t right;
} tfedge_pool_2d_bfp8_window;

TFEDGE_INLINE tfedge_pool_2d_bfp8_window
tfedge_pool_2d_bfp8_window_at(const tfedge_pool_2d_bfp8_params *params, int32_t y, int32_t x) {
  const int32_t top = y * params->stride_y - params->pad_top;
  const int32_t left = x * params->stride_x - params->pad_left;
  const tfedge_pool_2d_bfp8_window window = {
      tfedge_bfp8_max(top, 0),
      tfedge_clamp(top + params->window_height, 0, params->input_height),
      tfedge_bfp8_max(left, 0),
      tfedge_clamp(left + params->window_width, 0, params->input_width),
  };
  return window;
}

/* The largest value of a channel, or its sum; image is at the channel. */
TFEDGE_INLINE int32_t tfedge_pool_2d_bfp8_of(const tfedge_pool_2d_bfp8_params *params,
                                             tfedge_pool_2d_bfp8_window window, const int8_t *image,
                                             int is_mean) {
  int32_t result = is_mean ? 0 : -TFEDGE_BFP8_SIGNED;
  for (int32_t y = window.top; y < window.bottom; y++) {
    for (int32_t x = window.left; x < window.right; x++) {
      const int32_t value = tfedge_bfp8_integer(
          image[(y * params->input_width + x) * params->channels], params->input_largest);
      result = is_mean ? result + value : tfedge_bfp8_max(result, value);
    }
  }
  return result;
}

TFEDGE_INLINE int32_t tfedge_pool_2d_bfp8_mean(int32_t wide, int32_t count) {
  const int32_t half = count / 2;
  return (wide >= 0 ? wide + half : wide - half) / count;
}

/* One image; is_mean is a literal. */
TFEDGE_INLINE void tfedge_pool_2d_bfp8_image(const tfedge_pool_2d_bfp8_params *params,
                                             tfedge_bfp8_limits limits, const int8_t *image,
                                             int is_mean, tfedge_bfp8_writer *writer) {
  for (int32_t y = 0; y < params->output_height; y++) {
    for (int32_t x = 0; x < params->output_width; x++) {
      const tfedge_pool_2d_bfp8_window window = tfedge_pool_2d_bfp8_window_at(params, y, x);
      const int32_t count = (window.bottom - window.top) * (window.right - window.left);
      for (int32_t channel = 0; channel < params->channels; channel++) {
        int32_t value = tfedge_pool_2d_bfp8_of(params, window, image + channel, is_mean);
        if (is_mean != 0) {
          value = tfedge_pool_2d_bfp8_mean((int32_t)((uint32_t)value << params->left), count);
        }
        tfedge_bfp8_put(writer, tfedge_clamp(value, limits.low, limits.high));
      }
    }
  }
}

TFEDGE_INLINE void tfedge_pool_2d_bfp8_run(const tfedge_pool_2d_bfp8_params *params, int is_mean,
                                           const int8_t *input, int8_t *output) {
  const int32_t size = params->input_height * params->input_width * params->channels;
  const int32_t exponent = tfedge_bfp8_exponent(input) - params->left;
  const tfedge_bfp8_limits limits = tfedge_bfp8_limits_at(params->limits, exponent);
  const int8_t *image = input + TFEDGE_BFP8_HEADER;
  tfedge_bfp8_writer writer = tfedge_bfp8_begin(output, params->output_largest, exponent);
  for (int32_t batch = 0; batch < params->batches; batch++) {
    tfedge_pool_2d_bfp8_image(params, limits, image, is_mean, &writer);
    image += size;
  }
  tfedge_bfp8_end(&writer, output);
}

TFEDGE_INLINE void tfedge_max_pool_2d_bfp8_inline(const tfedge_pool_2d_bfp8_params *params,
                                                  const int8_t *input, int8_t *output) {
  tfedge_pool_2d_bfp8_run(params, 0, input, output);
}

TFEDGE_INLINE void tfedge_average_pool_2d_bfp8_inline(const tfedge_pool_2d_bfp8_params *params,
                                                      const int8_t *input, int8_t *output) {
  tfedge_pool_2d_bfp8_run(params, 1, input, output);
}

void tfedge_max_pool_2d_bfp8(const tfedge_pool_2d_bfp8_params *params, const int8_t *input,
                             int8_t *output);
void tfedge_average_pool_2d_bfp8(const tfedge_pool_2d_bfp8_params *params, const int8_t *input,
                                 int8_t *output);

#endif
