/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_reduce_prod_s16.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_reduce_prod_s16(const tfedge_reduce_prod_s16_params *params, const int16_t *input,
                            int16_t *output) {
  tfedge_reduce_prod_s16_inline(params, input, output);
}
