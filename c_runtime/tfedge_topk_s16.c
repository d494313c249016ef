/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_topk_s16.h"

/* The instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_topk_positions_s16(const tfedge_topk_s16_params *params, const int16_t *input,
                               int32_t *positions) {
  tfedge_topk_positions_s16_inline(params, input, positions);
}

TFEDGE_SHARED
void tfedge_topk_values_s16(const tfedge_topk_s16_params *params, const int16_t *input,
                            const int32_t *positions, int16_t *output) {
  tfedge_topk_values_s16_inline(params, input, positions, output);
}
