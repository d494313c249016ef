/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_conv_2d_pairs_s8.h"

#include "tfedge_conv_2d_columns.h"

TFEDGE_SHARED
void tfedge_conv_2d_pairs_s8(const tfedge_conv_2d_pairs_s8_params *params, const int8_t *input,
                             int8_t *output, void *scratch) {
  tfedge_conv_2d_columns(params, input, output, scratch, tfedge_pairs_s8_multiply,
                         &params->product);
}
