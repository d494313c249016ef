/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ADD_S16_H
#define TFEDGE_ADD_S16_H

#include "tfedge_broadcast_s16.h"
#include "tfedge_requantize.h"

/* ADD and SUB on int16, with broadcasting; zero points are 0. Both operands are brought to twice
 * the larger scale with 15 fractional bits, added, and brought to the output's scale; for SUB the
 * second operand is subtracted (subtract = 1). Source: TFLite Micro's reference ADD and SUB; every
 * rescaling rounds twice. */
typedef struct tfedge_add_s16_params {
  tfedge_broadcast shape;
  int32_t subtract;
  int32_t a_multiplier;
  int32_t a_shift; /* <= 0 */
  int32_t b_multiplier;
  int32_t b_shift; /* <= 0 */
  int32_t output_multiplier;
  int32_t output_shift; /* <= 0 */
  int32_t output_min;
  int32_t output_max;
} tfedge_add_s16_params;

#define TFEDGE_ADD_S16_FRACTION 15

TFEDGE_INLINE int16_t tfedge_add_s16_element(const void *opaque, int16_t a, int16_t b) {
  const tfedge_add_s16_params *const params = (const tfedge_add_s16_params *)opaque;
  const int32_t unit = (int32_t)1 << TFEDGE_ADD_S16_FRACTION;
  const int32_t x = tfedge_requantize(a * unit, params->a_multiplier, params->a_shift);
  const int32_t y = tfedge_requantize(b * unit, params->b_multiplier, params->b_shift);
  const int32_t sum = params->subtract ? x - y : x + y;
  return (int16_t)tfedge_clamp(
      tfedge_requantize(sum, params->output_multiplier, params->output_shift), params->output_min,
      params->output_max);
}

TFEDGE_INLINE void tfedge_add_s16_inline(const tfedge_add_s16_params *params, const int16_t *a,
                                         const int16_t *b, int16_t *output) {
  const tfedge_add_s16_params local = *params; /* writes of results cannot change a copy */
  tfedge_broadcast_s16(&local.shape, &local, tfedge_add_s16_element, a, b, output);
}

void tfedge_add_s16(const tfedge_add_s16_params *params, const int16_t *a, const int16_t *b,
                    int16_t *output);

#endif
