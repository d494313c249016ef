/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fill_bytes.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_fill_bytes(const tfedge_fill_bytes_params *params, void *output) {
  tfedge_fill_bytes_inline(params, output);
}
