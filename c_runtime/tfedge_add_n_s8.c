/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_add_n_s8.h"

/* The instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_add_n_operand_s8(const tfedge_add_n_s8_params *params, const int8_t *input,
                             int16_t *sums) {
  tfedge_add_n_operand_s8_inline(params, input, sums);
}

TFEDGE_SHARED
void tfedge_add_n_result_s8(const tfedge_add_n_s8_params *params, const int16_t *sums,
                            int8_t *output) {
  tfedge_add_n_result_s8_inline(params, sums, output);
}
