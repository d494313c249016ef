/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SQUARED_DIFFERENCE_S16_H
#define TFEDGE_SQUARED_DIFFERENCE_S16_H

#include "tfedge_broadcast_s16.h"
#include "tfedge_requantize.h"

/* SQUARED_DIFFERENCE on int16, with broadcasting; zero points are 0: both operands are brought to
 * twice the larger scale, subtracted, squared and requantised.
 * Source: TFLite Micro's reference SQUARED_DIFFERENCE; every rescaling rounds twice. */
typedef struct tfedge_squared_difference_s16_params {
  tfedge_broadcast shape;
  int32_t a_multiplier;
  int32_t a_shift; /* <= 0 */
  int32_t b_multiplier;
  int32_t b_shift; /* <= 0 */
  int32_t output_multiplier;
  int32_t output_shift;
} tfedge_squared_difference_s16_params;

TFEDGE_INLINE int16_t tfedge_squared_difference_s16_element(const void *opaque, int16_t a,
                                                            int16_t b) {
  const tfedge_squared_difference_s16_params *const params =
      (const tfedge_squared_difference_s16_params *)opaque;
  const int32_t x = tfedge_requantize(a, params->a_multiplier, params->a_shift);
  const int32_t y = tfedge_requantize(b, params->b_multiplier, params->b_shift);
  const int32_t square = (x - y) * (x - y);
  return (int16_t)tfedge_clamp(
      tfedge_requantize(square, params->output_multiplier, params->output_shift), INT16_MIN,
      INT16_MAX);
}

TFEDGE_INLINE void tfedge_squared_difference_s16_inline(
    const tfedge_squared_difference_s16_params *params, const int16_t *a, const int16_t *b,
    int16_t *output) {
  const tfedge_squared_difference_s16_params local =
      *params; /* writes of results cannot change a copy */
  tfedge_broadcast_s16(&local.shape, &local, tfedge_squared_difference_s16_element, a, b, output);
}

void tfedge_squared_difference_s16(const tfedge_squared_difference_s16_params *params,
                                   const int16_t *a, const int16_t *b, int16_t *output);

#endif
