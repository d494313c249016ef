/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_COLUMNS_S8_H
#define TFEDGE_COLUMNS_S8_H

#include "tfedge_vectors.h"

/* The input rows that one row of a convolution's outputs reads, kept as columns and padded with the
 * zero point: [columns][kernel_height][input_channels]. So the taps of a window are one run of
 * values, in the order [kernel_width][kernel_height][input_channels], which the weights have, too;
 * neighbouring windows share them; and a move down by one row moves the whole by input_channels
 * values. Every input row is read once, in order, before the first row of outputs that needs it is
 * written. */
typedef struct tfedge_columns_s8_params {
  int32_t input_height;
  int32_t input_width;
  int32_t input_channels;
  int32_t kernel_height;
  int32_t pad_top;
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t stride_y;
  int32_t columns; /* that windows see, and at least pad_left + input_width */
} tfedge_columns_s8_params;

/* Input row y as one row of the columns; `to` is the row's place in the first one. zeros: the zero
 * point for each channel. */
TFEDGE_INLINE void tfedge_columns_s8_row(const tfedge_columns_s8_params *params,
                                         const int8_t *input, int32_t y, const int8_t *zeros,
                                         int8_t *to) {
  const int32_t channels = params->input_channels;
  const int32_t step = params->kernel_height * channels;
  const int is_inside = y >= 0 && y < params->input_height;
  const int32_t before = is_inside ? params->pad_left : params->columns;
  const int32_t width = is_inside ? params->input_width : 0;
  const int32_t behind = params->columns - before - width;
  if (before > 0) {
    tfedge_spread_lanes_s8(to, step, zeros, 0, channels, before);
  }
  if (width > 0) {
    tfedge_spread_lanes_s8(to + before * step, step, input + y * width * channels, channels,
                           channels, width);
  }
  if (behind > 0) {
    tfedge_spread_lanes_s8(to + (before + width) * step, step, zeros, 0, channels, behind);
  }
}

/* The columns for row y of outputs, which is 0 or the one behind the row before. zeros: the zero
 * point for each channel, behind which columns lie. */
TFEDGE_INLINE void tfedge_columns_s8_move(const tfedge_columns_s8_params *params,
                                          const int8_t *input, int32_t y, const int8_t *zeros,
                                          int8_t *columns) {
  const int32_t channels = params->input_channels;
  const int32_t moved = params->stride_y * channels;
  const int32_t left = params->kernel_height - params->stride_y;
  const int32_t kept = y > 0 && left > 0 ? left : 0; /* rows of the window that are there already */
  if (kept > 0) {
    const int32_t values = params->columns * params->kernel_height * channels;
    tfedge_copy_lanes_s8(columns, columns + moved, values - moved);
  }
  for (int32_t row = kept; row < params->kernel_height; row++) {
    tfedge_columns_s8_row(params, input, y * params->stride_y - params->pad_top + row, zeros,
                          columns + row * channels);
  }
}

#endif
