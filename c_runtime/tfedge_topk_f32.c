/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_topk_f32.h"

/* The instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_topk_positions_f32(const tfedge_topk_f32_params *params, const float *input,
                               int32_t *positions) {
  tfedge_topk_positions_f32_inline(params, input, positions);
}

TFEDGE_SHARED
void tfedge_topk_values_f32(const tfedge_topk_f32_params *params, const float *input,
                            const int32_t *positions, float *output) {
  tfedge_topk_values_f32_inline(params, input, positions, output);
}
