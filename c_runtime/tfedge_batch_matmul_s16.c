/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_batch_matmul_s16.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_batch_matmul_s16(const tfedge_batch_matmul_s16_params *params, const int16_t *a,
                             const int16_t *b, int16_t *output) {
  tfedge_batch_matmul_s16_inline(params, a, b, output);
}
