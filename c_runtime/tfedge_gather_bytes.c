/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_gather_bytes.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
int tfedge_gather_bytes(const tfedge_gather_bytes_params *params, const void *input,
                        const int32_t *indices, void *output) {
  return tfedge_gather_bytes_inline(params, input, indices, output);
}
