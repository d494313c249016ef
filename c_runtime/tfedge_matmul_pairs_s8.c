/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_matmul_pairs_s8.h"

#include "tfedge_matmul_columns.h"

TFEDGE_SHARED
void tfedge_matmul_pairs_s8(const tfedge_matmul_pairs_s8_params *params, const int8_t *input,
                            int8_t *output, void *scratch) {
  tfedge_matmul_columns(params, input, output, scratch, tfedge_pairs_s8_multiply, &params->product);
}
