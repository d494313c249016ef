/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_conv_2d_1x1_channels_s8.h"

TFEDGE_SHARED
void tfedge_conv_2d_1x1_channels_s8(const tfedge_conv_2d_1x1_channels_s8_params *params,
                                    const int8_t *input, int8_t *output, void *scratch) {
  const int32_t channels = params->matmul.channels;
  int32_t *const sums = (int32_t *)scratch;
  if (params->backwards != 0) {
    const int32_t last = params->pixels - 1;
    tfedge_matmul_channels_s8(&params->matmul, input + last * params->pixel_step, params->pixels,
                              -params->pixel_step, output + last * channels, -channels, sums);
    return;
  }
  for (int32_t row = 0; row < params->rows; row++) {
    tfedge_matmul_channels_s8(&params->matmul, input, params->pixels, params->pixel_step, output,
                              channels, sums);
    input += params->row_step;
    output += params->pixels * channels;
  }
}
