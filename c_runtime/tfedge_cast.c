/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_cast.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_cast(const tfedge_cast_params *params, const void *input, void *output) {
  tfedge_cast_inline(params, input, output);
}
