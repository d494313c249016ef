/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_conv_2d_dynamic.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_conv_2d_dynamic(const tfedge_conv_2d_dynamic_params *params, const float *input,
                            float *output, void *scratch) {
  tfedge_conv_2d_dynamic_inline(params, input, output, scratch);
}

TFEDGE_SHARED
void tfedge_depthwise_conv_2d_dynamic(const tfedge_conv_2d_dynamic_params *params,
                                      const float *input, float *output, void *scratch) {
  tfedge_depthwise_conv_2d_dynamic_inline(params, input, output, scratch);
}
