/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_integer.h"

/* The instance that layers share when size matters more than speed. */

void tfedge_integer(const tfedge_integer_params *params, const void *a, const void *b,
                    void *output) {
  tfedge_integer_inline(params, a, b, output);
}
