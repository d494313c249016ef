/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_conv_2d_lanes_s8.h"

/* Input row y as one row of the columns; `to` is the row's place in the first one. zeros: the zero
 * point for each channel. */
TFEDGE_INLINE void tfedge_conv_2d_lanes_s8_row(const tfedge_conv_2d_lanes_s8_params *params,
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

TFEDGE_SHARED
void tfedge_conv_2d_lanes_s8(const tfedge_conv_2d_lanes_s8_params *params, const int8_t *input,
                             int8_t *output, void *scratch) {
  const int32_t channels = params->input_channels;
  const int32_t column = params->kernel_height * channels;
  const int32_t moved = params->stride_y * channels;
  int32_t *const sums = (int32_t *)scratch;
  int8_t *const zeros = (int8_t *)(sums + 2 * params->matmul.sums_step);
  int8_t *const columns = zeros + channels;
  tfedge_fill_lanes_s8(zeros, params->input_zero_point, channels);
  for (int32_t batch = 0; batch < params->batches; batch++) {
    int32_t kept = 0; /* rows of the window that are there already */
    for (int32_t y = 0; y < params->output_height; y++) {
      const int32_t top = y * params->stride_y - params->pad_top;
      if (kept > 0) {
        tfedge_copy_lanes_s8(columns, columns + moved, params->columns * column - moved);
      }
      for (int32_t row = kept; row < params->kernel_height; row++) {
        tfedge_conv_2d_lanes_s8_row(params, input, top + row, zeros, columns + row * channels);
      }
      kept = params->kernel_height - params->stride_y;
      kept = kept > 0 ? kept : 0;
      tfedge_matmul_lanes_s8(&params->matmul, columns, params->output_width,
                             params->stride_x * column, output, params->matmul.channels, sums);
      output += params->output_width * params->matmul.channels;
    }
    input += params->input_height * params->input_width * channels;
  }
}
