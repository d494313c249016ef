/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_rows_f32.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_softmax_f32(const tfedge_rows_f32_params *params, const float *input, float *output) {
  tfedge_softmax_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_log_softmax_f32(const tfedge_rows_f32_params *params, const float *input,
                            float *output) {
  tfedge_log_softmax_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_l2_normalization_f32(const tfedge_rows_f32_params *params, const float *input,
                                 float *output) {
  tfedge_l2_normalization_f32_inline(params, input, output);
}
