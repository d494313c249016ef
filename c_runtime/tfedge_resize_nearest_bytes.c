/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_resize_nearest_bytes.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_resize_nearest_bytes(const tfedge_resize_nearest_bytes_params *params,
                                 const void *input, void *output) {
  tfedge_resize_nearest_bytes_inline(params, input, output);
}
