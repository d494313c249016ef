/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_REDUCE_PROD_S16_H
#define TFEDGE_REDUCE_PROD_S16_H

#include "tfedge_reduce_prod_s8.h"

/* REDUCE_PROD on int16, as tfedge_reduce_prod_s8.h has it for int8; zero points are 0.
 * Source: LiteRT's reference REDUCE_PROD. */
typedef tfedge_reduce_prod_s8_params tfedge_reduce_prod_s16_params;

TFEDGE_INLINE int32_t tfedge_reduce_prod_s16_fold(const void *opaque, int32_t result,
                                                  const void *input, int32_t index) {
  return tfedge_reduce_prod_s8_times((const tfedge_reduce_prod_s8_params *)opaque, result,
                                     ((const int16_t *)input)[index]);
}

TFEDGE_INLINE void tfedge_reduce_prod_s16_finish(const void *opaque, int32_t result, void *output,
                                                 int32_t index) {
  ((int16_t *)output)[index] = (int16_t)tfedge_reduce_prod_s8_end(
      (const tfedge_reduce_prod_s8_params *)opaque, result, INT16_MIN, INT16_MAX);
}

TFEDGE_INLINE void tfedge_reduce_prod_s16_inline(const tfedge_reduce_prod_s16_params *params,
                                                 const int16_t *input, int16_t *output) {
  tfedge_reduction_run(&params->shape, params, TFEDGE_REDUCE_PROD_S8_NONE,
                       tfedge_reduce_prod_s16_fold, tfedge_reduce_prod_s16_finish, input, output);
}

void tfedge_reduce_prod_s16(const tfedge_reduce_prod_s16_params *params, const int16_t *input,
                            int16_t *output);

#endif
