/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_matmul_blocks_s8.h"

#include "tfedge_matmul_columns.h"

TFEDGE_INLINE void multiply_matmul_blocks(const void *weights, uint32_t *columns, int8_t *output,
                                          int32_t pixel_step) {
  const tfedge_matmul_blocks_s8_params *const params =
      (const tfedge_matmul_blocks_s8_params *)weights;
  tfedge_blocks_s8_four(&params->dense.product, &params->blocks, columns, output, pixel_step);
}

TFEDGE_SHARED
void tfedge_matmul_blocks_s8(const tfedge_matmul_blocks_s8_params *params, const int8_t *input,
                             int8_t *output, void *scratch) {
  tfedge_matmul_columns(&params->dense, input, output, scratch, multiply_matmul_blocks, params);
}
