/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_conv_2d_f32.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_conv_2d_f32(const tfedge_conv_2d_f32_params *params, const float *input, float *output,
                        void *scratch) {
  tfedge_conv_2d_f32_inline(params, input, output, scratch);
}

TFEDGE_SHARED
void tfedge_conv_2d_f16(const tfedge_conv_2d_f32_params *params, const float *input, float *output,
                        void *scratch) {
  tfedge_conv_2d_f16_inline(params, input, output, scratch);
}
