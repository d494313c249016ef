/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_compare_f32.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_compare_f32(const tfedge_compare_f32_params *params, const float *a, const float *b,
                        int8_t *output) {
  tfedge_compare_f32_inline(params, a, b, output);
}
