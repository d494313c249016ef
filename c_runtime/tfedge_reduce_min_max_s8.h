/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_REDUCE_MIN_MAX_S8_H
#define TFEDGE_REDUCE_MIN_MAX_S8_H

#include "tfedge_reduction.h"

/* REDUCE_MAX and REDUCE_MIN on int8 of one scale and zero point, REDUCE_ANY and REDUCE_ALL on bytes
 * 0 and 1. No arithmetic. */
typedef struct tfedge_reduce_min_max_s8_params {
  tfedge_reduction shape;
  int32_t largest; /* 1: the largest value, 0: the smallest */
} tfedge_reduce_min_max_s8_params;

TFEDGE_INLINE int32_t tfedge_reduce_min_max_s8_fold(const void *opaque, int32_t result,
                                                    const void *input, int32_t index) {
  const tfedge_reduce_min_max_s8_params *const params =
      (const tfedge_reduce_min_max_s8_params *)opaque;
  const int32_t value = ((const int8_t *)input)[index];
  return (params->largest ? value > result : value < result) ? value : result;
}

TFEDGE_INLINE void tfedge_reduce_min_max_s8_finish(const void *opaque, int32_t result, void *output,
                                                   int32_t index) {
  (void)opaque;
  ((int8_t *)output)[index] = (int8_t)result;
}

TFEDGE_INLINE void tfedge_reduce_min_max_s8_inline(const tfedge_reduce_min_max_s8_params *params,
                                                   const int8_t *input, int8_t *output) {
  tfedge_reduction_run(&params->shape, params, params->largest ? INT8_MIN : INT8_MAX,
                       tfedge_reduce_min_max_s8_fold, tfedge_reduce_min_max_s8_finish, input,
                       output);
}

void tfedge_reduce_min_max_s8(const tfedge_reduce_min_max_s8_params *params, const int8_t *input,
                              int8_t *output);

#endif
