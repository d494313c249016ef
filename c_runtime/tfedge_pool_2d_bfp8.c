/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_pool_2d_bfp8.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_max_pool_2d_bfp8(const tfedge_pool_2d_bfp8_params *params, const int8_t *input,
                             int8_t *output) {
  tfedge_max_pool_2d_bfp8_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_average_pool_2d_bfp8(const tfedge_pool_2d_bfp8_params *params, const int8_t *input,
                                 int8_t *output) {
  tfedge_average_pool_2d_bfp8_inline(params, input, output);
}
