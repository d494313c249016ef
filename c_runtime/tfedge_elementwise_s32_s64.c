/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_elementwise_s32_s64.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_elementwise_s32_s64(const tfedge_elementwise_s32_s64_params *params, const void *a,
                                const void *b, void *output) {
  tfedge_elementwise_s32_s64_inline(params, a, b, output);
}
