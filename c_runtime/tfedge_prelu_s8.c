/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_prelu_s8.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_prelu_s8(const tfedge_prelu_s8_params *params, const int8_t *a, const int8_t *b,
                     int8_t *output) {
  tfedge_prelu_s8_inline(params, a, b, output);
}
