/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_copy_bytes.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_copy_bytes(const tfedge_copy_bytes_params *params, const void *input, void *output) {
  tfedge_copy_bytes_inline(params, input, output);
}
