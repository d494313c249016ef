/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_mul_s16.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_mul_s16(const tfedge_mul_s16_params *params, const int16_t *a, const int16_t *b,
                    int16_t *output) {
  tfedge_mul_s16_inline(params, a, b, output);
}
