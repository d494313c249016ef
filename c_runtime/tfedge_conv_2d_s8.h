/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_S8_H
#define TFEDGE_CONV_2D_S8_H

#include <string.h>

#include "tfedge_matmul_s8.h"

/* CONV_2D on int8: [batches][input_height][input_width][input_channels] ->
 * [batches][output_height][output_width][matmul.channels].
 *
 * The taps of an output pixel are gathered into a column, padding as the input's zero point, and
 * two columns are multiplied at a time. A 1x1 kernel without padding reads its columns in place.
 * scratch: 2 * matmul.depth bytes, or none for such a 1x1 kernel.
 * Source: TFLite 8-bit quantisation specification, CONV_2D; rounds twice. */
typedef struct tfedge_conv_2d_s8_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t input_channels;
  int32_t output_height;
  int32_t output_width;
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_y;
  int32_t stride_x;
  int32_t dilation_y;
  int32_t dilation_x;
  int32_t pad_top;
  int32_t pad_left;
  int32_t input_zero_point;
  tfedge_matmul_s8_params
      matmul; /* weights: [channels][kernel_height][kernel_width][input_channels] */
} tfedge_conv_2d_s8_params;

/* Copies the taps of one kernel row, the first `channels` of each pixel; x is the input column of
 * the first tap, which may lie outside. */
TFEDGE_INLINE void tfedge_conv_2d_s8_gather_row(const tfedge_conv_2d_s8_params *params,
                                                int32_t channels, const int8_t *input_row,
                                                int32_t x, int8_t *column) {
  const int32_t width = params->input_width;
  const int32_t taps = params->kernel_width;
  if (params->dilation_x == 1 && channels == params->input_channels && x >= 0 &&
      x + taps <= width) {
    memcpy(column, input_row + x * channels, (size_t)(taps * channels));
    return;
  }
  for (int32_t tap = 0; tap < taps; tap++) {
    const int32_t column_x = x + tap * params->dilation_x;
    if (column_x >= 0 && column_x < width) {
      memcpy(column, input_row + column_x * params->input_channels, (size_t)channels);
    } else {
      memset(column, (int)params->input_zero_point, (size_t)channels);
    }
    column += channels;
  }
}

/* Copies all taps of one output pixel, padding included; the first `channels` of each. */
TFEDGE_INLINE void tfedge_conv_2d_s8_gather(const tfedge_conv_2d_s8_params *params,
                                            int32_t channels, const int8_t *input, int32_t pixel,
                                            int8_t *column) {
  const int32_t row_bytes = params->input_width * params->input_channels;
  const int32_t tap_bytes = params->kernel_width * channels;
  const int32_t top = pixel / params->output_width * params->stride_y - params->pad_top;
  const int32_t left = pixel % params->output_width * params->stride_x - params->pad_left;
  for (int32_t tap = 0; tap < params->kernel_height; tap++) {
    const int32_t y = top + tap * params->dilation_y;
    if (y >= 0 && y < params->input_height) {
      tfedge_conv_2d_s8_gather_row(params, channels, input + y * row_bytes, left, column);
    } else {
      memset(column, (int)params->input_zero_point, (size_t)tap_bytes);
    }
    column += tap_bytes;
  }
}

TFEDGE_INLINE void tfedge_conv_2d_s8_inline(const tfedge_conv_2d_s8_params *params,
                                            const int8_t *input, int8_t *output, void *scratch) {
  const int32_t pixels = params->output_height * params->output_width;
  const int32_t channels = params->matmul.channels;
  int8_t *const columns = (int8_t *)scratch;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    int32_t pixel = 0;
    for (int32_t pair = 0; pair < pixels / 2; pair++) {
      tfedge_conv_2d_s8_gather(params, params->input_channels, input, pixel, columns);
      tfedge_conv_2d_s8_gather(params, params->input_channels, input, pixel + 1,
                               columns + params->matmul.depth);
      tfedge_matmul_s8_two_rows(&params->matmul, columns, output);
      output += 2 * channels;
      pixel += 2;
    }
    if (pixels % 2 != 0) {
      tfedge_conv_2d_s8_gather(params, params->input_channels, input, pixel, columns);
      tfedge_matmul_s8_one_row(&params->matmul, columns, output);
      output += channels;
    }
    input += params->input_height * params->input_width * params->input_channels;
  }
}

void tfedge_conv_2d_s8(const tfedge_conv_2d_s8_params *params, const int8_t *input, int8_t *output,
                       void *scratch);

#endif
