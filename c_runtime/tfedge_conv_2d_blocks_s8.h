/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_BLOCKS_S8_H
#define TFEDGE_CONV_2D_BLOCKS_S8_H

#include "tfedge_blocks_s8.h"
#include "tfedge_conv_2d_pairs_s8.h"

/* What tfedge_conv_2d_pairs_s8 computes, with weights of which whole blocks are 0: see
 * tfedge_blocks_s8.h. scratch: as there. */
typedef struct tfedge_conv_2d_blocks_s8_params {
  tfedge_conv_2d_pairs_s8_params dense; /* but for the weights of its product, which are NULL */
  tfedge_blocks_s8_params blocks;
} tfedge_conv_2d_blocks_s8_params;

void tfedge_conv_2d_blocks_s8(const tfedge_conv_2d_blocks_s8_params *params, const int8_t *input,
                              int8_t *output, void *scratch);

#endif
