/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_conv_2d_lanes_s8.h"

TFEDGE_SHARED
void tfedge_conv_2d_lanes_s8(const tfedge_conv_2d_lanes_s8_params *params, const int8_t *input,
                             int8_t *output, void *scratch) {
  const int32_t channels = params->window.input_channels;
  const int32_t pixel_step = params->stride_x * params->window.kernel_height * channels;
  int32_t *const sums = (int32_t *)scratch;
  int8_t *const zeros = (int8_t *)(sums + 2 * params->matmul.sums_step);
  int8_t *const columns = zeros + channels;
  tfedge_fill_lanes_s8(zeros, params->window.input_zero_point, channels);
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t y = 0; y < params->output_height; y++) {
      tfedge_columns_s8_move(&params->window, input, y, zeros, columns);
      tfedge_matmul_lanes_s8(&params->matmul, columns, params->output_width, pixel_step, output,
                             params->matmul.channels, sums);
      output += params->output_width * params->matmul.channels;
    }
    input += params->window.input_height * params->window.input_width * channels;
  }
}
