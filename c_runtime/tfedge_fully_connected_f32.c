/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_f32.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_fully_connected_f32(const tfedge_fully_connected_f32_params *params, const float *input,
                                float *output) {
  tfedge_fully_connected_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_fully_connected_f16(const tfedge_fully_connected_f32_params *params, const float *input,
                                float *output) {
  tfedge_fully_connected_f16_inline(params, input, output);
}
