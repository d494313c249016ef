/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_one_hot_s8.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_one_hot_s8(const tfedge_one_hot_s8_params *params, const int32_t *indices,
                       int8_t *output) {
  tfedge_one_hot_s8_inline(params, indices, output);
}
