/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_conv_2d_weight_zero_point_s8.h"

TFEDGE_SHARED
void tfedge_conv_2d_weight_zero_point_s8(const tfedge_conv_2d_weight_zero_point_s8_params *params,
                                         const int8_t *input, int8_t *output) {
  tfedge_conv_2d_weight_zero_point_s8_inline(params, input, output);
}
