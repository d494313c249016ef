/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_softmax_bfp8.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_softmax_bfp8(const tfedge_softmax_bfp8_params *params, const int8_t *input,
                         int8_t *output) {
  tfedge_softmax_bfp8_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_logistic_bfp8(const tfedge_softmax_bfp8_params *params, const int8_t *input,
                          int8_t *output) {
  tfedge_logistic_bfp8_inline(params, input, output);
}
