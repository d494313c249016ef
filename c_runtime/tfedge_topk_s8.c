/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_topk_s8.h"

/* The instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_topk_positions_s8(const tfedge_topk_s8_params *params, const int8_t *input,
                              int32_t *positions) {
  tfedge_topk_positions_s8_inline(params, input, positions);
}

TFEDGE_SHARED
void tfedge_topk_values_s8(const tfedge_topk_s8_params *params, const int8_t *input,
                           const int32_t *positions, int8_t *output) {
  tfedge_topk_values_s8_inline(params, input, positions, output);
}
