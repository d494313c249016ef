/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_svdf_f32.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_svdf_f32(const tfedge_svdf_f32_params *params, const float *input, float *output,
                     float *state) {
  tfedge_svdf_f32_inline(params, input, output, state);
}

TFEDGE_SHARED
void tfedge_svdf_f16(const tfedge_svdf_f32_params *params, const float *input, float *output,
                     float *state) {
  tfedge_svdf_f16_inline(params, input, output, state);
}
