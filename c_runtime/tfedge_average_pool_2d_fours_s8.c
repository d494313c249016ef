/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_average_pool_2d_fours_s8.h"

/* The part of a window that lies within the input; steps are in bytes. */
typedef struct pool_window {
  const int8_t *corner;
  int32_t height;
  int32_t width;
  int32_t row_step;
  int32_t pixel_step;
} pool_window;

/* The first and the end of a window's rows, or columns, within the input. */
static int32_t first_of(int32_t position) {
  return position > 0 ? position : 0;
}

static int32_t end_of(int32_t position, int32_t extent) {
  return position < extent ? position : extent;
}

/* Sums of four neighbouring channels. */
static void sum_window(const pool_window *window, int32_t channel, int32_t sums[4]) {
  const int8_t *row = window->corner + channel;
#if TFEDGE_HAS_DSP
  uint32_t even = 0; /* channels 0 and 2 */
  uint32_t odd = 0;  /* channels 1 and 3 */
  for (int32_t y = 0; y < window->height; y++) {
    const int8_t *pixel = row;
    for (int32_t left = window->width; left > 0; left--) {
      const uint32_t four = tfedge_load_four(pixel);
      even = tfedge_add_even_bytes(even, four);
      odd = tfedge_add_odd_bytes(odd, four);
      pixel += window->pixel_step;
    }
    row += window->row_step;
  }
  sums[0] = (int16_t)(uint16_t)even;
  sums[1] = (int16_t)(uint16_t)odd;
  sums[2] = (int16_t)(uint16_t)(even >> 16);
  sums[3] = (int16_t)(uint16_t)(odd >> 16);
#else
  for (int32_t i = 0; i < 4; i++) {
    sums[i] = 0;
  }
  for (int32_t y = 0; y < window->height; y++) {
    const int8_t *pixel = row;
    for (int32_t x = 0; x < window->width; x++) {
      for (int32_t i = 0; i < 4; i++) {
        sums[i] += pixel[i];
      }
      pixel += window->pixel_step;
    }
    row += window->row_step;
  }
#endif
}

static void pool_pixel(const pool_window *window, int32_t channels, int8_t *output) {
  const int32_t count = window->height * window->width;
  for (int32_t channel = 0; channel < channels; channel += 4) {
    int32_t sums[4];
    sum_window(window, channel, sums);
    for (int32_t i = 0; i < 4; i++) {
      const int32_t half = sums[i] > 0 ? count / 2 : -(count / 2);
      output[channel + i] = (int8_t)((sums[i] + half) / count);
    }
  }
}

static void pool_image(const tfedge_average_pool_2d_fours_s8_params *params, const int8_t *input,
                       int8_t *output) {
  pool_window window;
  window.pixel_step = params->channels;
  window.row_step = params->input_width * params->channels;
  for (int32_t y = 0; y < params->output_height; y++) {
    const int32_t top = y * params->stride_y - params->pad_top;
    window.height = end_of(top + params->kernel_height, params->input_height) - first_of(top);
    for (int32_t x = 0; x < params->output_width; x++) {
      const int32_t left = x * params->stride_x - params->pad_left;
      window.width = end_of(left + params->kernel_width, params->input_width) - first_of(left);
      window.corner = input + first_of(top) * window.row_step + first_of(left) * window.pixel_step;
      pool_pixel(&window, params->channels, output);
      output += params->channels;
    }
  }
}

TFEDGE_SHARED
void tfedge_average_pool_2d_fours_s8(const tfedge_average_pool_2d_fours_s8_params *params,
                                     const int8_t *input, int8_t *output) {
  for (int32_t batch = 0; batch < params->batches; batch++) {
    pool_image(params, input, output);
    input += params->input_height * params->input_width * params->channels;
    output += params->output_height * params->output_width * params->channels;
  }
}
