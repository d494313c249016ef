/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_elementwise_bfp8.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_add_bfp8(const tfedge_elementwise_bfp8_params *params, const int8_t *a, const int8_t *b,
                     int8_t *output) {
  tfedge_add_bfp8_inline(params, a, b, output);
}

TFEDGE_SHARED
void tfedge_clamp_bfp8(const tfedge_elementwise_bfp8_params *params, const int8_t *input,
                       int8_t *output) {
  tfedge_clamp_bfp8_inline(params, input, output);
}
