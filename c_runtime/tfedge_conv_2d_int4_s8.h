/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_INT4_S8_H
#define TFEDGE_CONV_2D_INT4_S8_H

#include "tfedge_conv_2d_pairs_s8.h"
#include "tfedge_pairs_int4_s8.h"

/* What tfedge_conv_2d_pairs_s8 computes, with weights within -8..7 in the order of
 * tfedge_pairs_int4_s8.h. scratch: 4 * TFEDGE_PAIRS_INT4_WORDS bytes more than there. */
void tfedge_conv_2d_int4_s8(const tfedge_conv_2d_pairs_s8_params *params, const int8_t *input,
                            int8_t *output, void *scratch);

#endif
