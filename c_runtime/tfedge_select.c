/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_select.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_select(const tfedge_select_params *params, const int8_t *condition, const void *x,
                   const void *y, void *output) {
  tfedge_select_inline(params, condition, x, y, output);
}
