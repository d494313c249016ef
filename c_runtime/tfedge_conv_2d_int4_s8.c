/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_conv_2d_int4_s8.h"

#include "tfedge_conv_2d_columns.h"

TFEDGE_INLINE void multiply_conv_2d_int4(const void *weights, uint32_t *columns, int8_t *output,
                                         int32_t pixel_step) {
  tfedge_pairs_int4_s8_four((const tfedge_pairs_s8_params *)weights, columns, output, pixel_step);
}

TFEDGE_SHARED
void tfedge_conv_2d_int4_s8(const tfedge_conv_2d_pairs_s8_params *params, const int8_t *input,
                            int8_t *output, void *scratch) {
  uint32_t *const columns = (uint32_t *)scratch + TFEDGE_PAIRS_INT4_WORDS;
  tfedge_conv_2d_columns(params, input, output, columns, multiply_conv_2d_int4, &params->product);
}
