/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_dynamic.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_fully_connected_dynamic(const tfedge_fully_connected_dynamic_params *params,
                                    const float *input, float *output, void *scratch) {
  tfedge_fully_connected_dynamic_inline(params, input, output, scratch);
}
