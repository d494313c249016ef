/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_reduce_f32.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_sum_f32(const tfedge_reduce_f32_params *params, const float *input, float *output) {
  tfedge_sum_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_reduce_prod_f32(const tfedge_reduce_f32_params *params, const float *input,
                            float *output) {
  tfedge_reduce_prod_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_reduce_max_f32(const tfedge_reduce_f32_params *params, const float *input,
                           float *output) {
  tfedge_reduce_max_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_reduce_min_f32(const tfedge_reduce_f32_params *params, const float *input,
                           float *output) {
  tfedge_reduce_min_f32_inline(params, input, output);
}
