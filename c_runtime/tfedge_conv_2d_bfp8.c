/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_conv_2d_bfp8.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_conv_2d_bfp8(const tfedge_conv_2d_bfp8_params *params, const int8_t *input,
                         int8_t *output) {
  tfedge_conv_2d_bfp8_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_depthwise_conv_2d_bfp8(const tfedge_conv_2d_bfp8_params *params, const int8_t *input,
                                   int8_t *output) {
  tfedge_depthwise_conv_2d_bfp8_inline(params, input, output);
}
