/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_MATMUL_BLOCKS_S8_H
#define TFEDGE_MATMUL_BLOCKS_S8_H

#include "tfedge_blocks_s8.h"
#include "tfedge_matmul_pairs_s8.h"

/* What tfedge_matmul_pairs_s8 computes, with weights of which whole blocks are 0: see
 * tfedge_blocks_s8.h. scratch: as there. */
typedef struct tfedge_matmul_blocks_s8_params {
  tfedge_matmul_pairs_s8_params dense; /* but for the weights of its product, which are NULL */
  tfedge_blocks_s8_params blocks;
} tfedge_matmul_blocks_s8_params;

void tfedge_matmul_blocks_s8(const tfedge_matmul_blocks_s8_params *params, const int8_t *input,
                             int8_t *output, void *scratch);

#endif
