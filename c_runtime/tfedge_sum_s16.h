/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SUM_S16_H
#define TFEDGE_SUM_S16_H

#include "tfedge_reduction.h"
#include "tfedge_requantize.h"

/* SUM and MEAN on int16. The division by the number of values, for MEAN, is part of the multiplier.
 * Zero points are 0, and the sum stays in 32 bits.
 * Source: TFLite Micro's reference SUM and MEAN; rounds twice. */
typedef struct tfedge_sum_s16_params {
  tfedge_reduction shape;
  int32_t multiplier;
  int32_t shift;
} tfedge_sum_s16_params;

TFEDGE_INLINE int32_t tfedge_sum_s16_fold(const void *opaque, int32_t result, const void *input,
                                          int32_t index) {
  (void)opaque;
  return result + ((const int16_t *)input)[index];
}

TFEDGE_INLINE void tfedge_sum_s16_finish(const void *opaque, int32_t result, void *output,
                                         int32_t index) {
  const tfedge_sum_s16_params *const params = (const tfedge_sum_s16_params *)opaque;
  ((int16_t *)output)[index] = (int16_t)tfedge_clamp(
      tfedge_requantize(result, params->multiplier, params->shift), INT16_MIN, INT16_MAX);
}

TFEDGE_INLINE void tfedge_sum_s16_inline(const tfedge_sum_s16_params *params, const int16_t *input,
                                         int16_t *output) {
  tfedge_reduction_run(&params->shape, params, 0, tfedge_sum_s16_fold, tfedge_sum_s16_finish, input,
                       output);
}

void tfedge_sum_s16(const tfedge_sum_s16_params *params, const int16_t *input, int16_t *output);

#endif
