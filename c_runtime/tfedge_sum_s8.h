/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SUM_S8_H
#define TFEDGE_SUM_S8_H

#include "tfedge_reduction.h"
#include "tfedge_requantize.h"

/* SUM and MEAN on int8. The division by the number of values, for MEAN, is part of the multiplier.
 * first is minus the input's zero point times the number of values, and the sum stays in 32 bits.
 * Source: TFLite Micro's reference SUM and MEAN; rounds twice. */
typedef struct tfedge_sum_s8_params {
  tfedge_reduction shape;
  int32_t first;
  int32_t multiplier;
  int32_t shift;
  int32_t output_zero_point;
} tfedge_sum_s8_params;

TFEDGE_INLINE int32_t tfedge_sum_s8_fold(const void *opaque, int32_t result, const void *input,
                                         int32_t index) {
  (void)opaque;
  return result + ((const int8_t *)input)[index];
}

TFEDGE_INLINE void tfedge_sum_s8_finish(const void *opaque, int32_t result, void *output,
                                        int32_t index) {
  const tfedge_sum_s8_params *const params = (const tfedge_sum_s8_params *)opaque;
  ((int8_t *)output)[index] = (int8_t)tfedge_clamp(
      tfedge_wrapping_add(tfedge_requantize(result, params->multiplier, params->shift),
                          params->output_zero_point),
      INT8_MIN, INT8_MAX);
}

TFEDGE_INLINE void tfedge_sum_s8_inline(const tfedge_sum_s8_params *params, const int8_t *input,
                                        int8_t *output) {
  tfedge_reduction_run(&params->shape, params, params->first, tfedge_sum_s8_fold,
                       tfedge_sum_s8_finish, input, output);
}

void tfedge_sum_s8(const tfedge_sum_s8_params *params, const int8_t *input, int8_t *output);

#endif
