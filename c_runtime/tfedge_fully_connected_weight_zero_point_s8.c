/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_weight_zero_point_s8.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_fully_connected_weight_zero_point_s8(
    const tfedge_fully_connected_weight_zero_point_s8_params *params, const int8_t *input,
    const int8_t *weights, int8_t *output) {
  tfedge_fully_connected_weight_zero_point_s8_inline(params, input, weights, output);
}
