/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_MUL_S16_H
#define TFEDGE_MUL_S16_H

#include "tfedge_broadcast_s16.h"
#include "tfedge_requantize.h"

/* MUL on int16, with broadcasting; zero points are 0: the product, requantised.
 * Source: TFLite Micro's reference MUL; rounds twice. */
typedef struct tfedge_mul_s16_params {
  tfedge_broadcast shape;
  int32_t output_multiplier;
  int32_t output_shift;
  int32_t output_min;
  int32_t output_max;
} tfedge_mul_s16_params;

TFEDGE_INLINE int16_t tfedge_mul_s16_element(const void *opaque, int16_t a, int16_t b) {
  const tfedge_mul_s16_params *const params = (const tfedge_mul_s16_params *)opaque;
  return (int16_t)tfedge_clamp(
      tfedge_requantize((int32_t)a * b, params->output_multiplier, params->output_shift),
      params->output_min, params->output_max);
}

TFEDGE_INLINE void tfedge_mul_s16_inline(const tfedge_mul_s16_params *params, const int16_t *a,
                                         const int16_t *b, int16_t *output) {
  const tfedge_mul_s16_params local = *params; /* writes of results cannot change a copy */
  tfedge_broadcast_s16(&local.shape, &local, tfedge_mul_s16_element, a, b, output);
}

void tfedge_mul_s16(const tfedge_mul_s16_params *params, const int16_t *a, const int16_t *b,
                    int16_t *output);

#endif
