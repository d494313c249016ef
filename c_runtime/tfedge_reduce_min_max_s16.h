/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_REDUCE_MIN_MAX_S16_H
#define TFEDGE_REDUCE_MIN_MAX_S16_H

#include "tfedge_reduction.h"

/* REDUCE_MAX and REDUCE_MIN on int16 of one scale. No arithmetic. */
typedef struct tfedge_reduce_min_max_s16_params {
  tfedge_reduction shape;
  int32_t largest; /* 1: the largest value, 0: the smallest */
} tfedge_reduce_min_max_s16_params;

TFEDGE_INLINE int32_t tfedge_reduce_min_max_s16_fold(const void *opaque, int32_t result,
                                                     const void *input, int32_t index) {
  const tfedge_reduce_min_max_s16_params *const params =
      (const tfedge_reduce_min_max_s16_params *)opaque;
  const int32_t value = ((const int16_t *)input)[index];
  return (params->largest ? value > result : value < result) ? value : result;
}

TFEDGE_INLINE void tfedge_reduce_min_max_s16_finish(const void *opaque, int32_t result,
                                                    void *output, int32_t index) {
  (void)opaque;
  ((int16_t *)output)[index] = (int16_t)result;
}

TFEDGE_INLINE void tfedge_reduce_min_max_s16_inline(const tfedge_reduce_min_max_s16_params *params,
                                                    const int16_t *input, int16_t *output) {
  tfedge_reduction_run(&params->shape, params, params->largest ? INT16_MIN : INT16_MAX,
                       tfedge_reduce_min_max_s16_fold, tfedge_reduce_min_max_s16_finish, input,
                       output);
}

void tfedge_reduce_min_max_s16(const tfedge_reduce_min_max_s16_params *params, const int16_t *input,
                               int16_t *output);

#endif
