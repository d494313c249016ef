/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_table_s8.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_table_s8(const tfedge_table_s8_params *params, const int8_t *input, int8_t *output) {
  tfedge_table_s8_inline(params, input, output);
}
