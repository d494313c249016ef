/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_rescale.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_rescale(const tfedge_rescale_params *params, const void *input, void *output) {
  tfedge_rescale_inline(params, input, output);
}
