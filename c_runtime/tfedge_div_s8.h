/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_DIV_S8_H
#define TFEDGE_DIV_S8_H

#include "tfedge_broadcast.h"
#include "tfedge_requantize.h"

/* DIV on int8, with broadcasting: the dividend, shifted to the left as far as it goes, times the
 * divisor's reciprocal, requantised. inverse[b] is 2^exponent / |b - zero point| in Q0.31 by the
 * divisor's byte, exponent[b] the divisor's highest bit. A divisor of 0, for which
 * the reference is undefined, counts as one step. Source: TFLite Micro's reference DIV; every
 * product rounds twice. */
typedef struct tfedge_div_s8_params {
  tfedge_broadcast shape;
  int32_t a_zero_point;
  int32_t b_zero_point;
  const int32_t *inverse; /* [256] */
  const int8_t *exponent; /* [256] */
  int32_t output_multiplier;
  int32_t output_shift; /* such that the whole shift stays in -31..0 */
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
} tfedge_div_s8_params;

/* Bits below the sign that are copies of it. */
TFEDGE_INLINE int tfedge_div_s8_headroom(int32_t x) {
  uint32_t magnitude = (uint32_t)(x < 0 ? -(x + 1) : x);
  int bits = 31;
  while (magnitude != 0u) {
    magnitude >>= 1;
    bits--;
  }
  return bits;
}

TFEDGE_INLINE int8_t tfedge_div_s8_element(const void *opaque, int8_t a, int8_t b) {
  const tfedge_div_s8_params *const params = (const tfedge_div_s8_params *)opaque;
  const int32_t dividend =
      b < params->b_zero_point ? params->a_zero_point - a : a - params->a_zero_point;
  const int headroom = tfedge_div_s8_headroom(dividend);
  const int32_t quotient =
      tfedge_multiply_high((int32_t)((uint32_t)dividend << headroom), params->inverse[(uint8_t)b]);
  const int32_t shift = params->output_shift - params->exponent[(uint8_t)b] - headroom;
  return (int8_t)tfedge_clamp(
      tfedge_wrapping_add(tfedge_requantize(quotient, params->output_multiplier, shift),
                          params->output_zero_point),
      params->output_min, params->output_max);
}

TFEDGE_INLINE void tfedge_div_s8_inline(const tfedge_div_s8_params *params, const int8_t *a,
                                        const int8_t *b, int8_t *output) {
  const tfedge_div_s8_params local = *params; /* writes of bytes cannot change a copy */
  tfedge_broadcast_s8(&local.shape, &local, tfedge_div_s8_element, a, b, output);
}

void tfedge_div_s8(const tfedge_div_s8_params *params, const int8_t *a, const int8_t *b,
                   int8_t *output);

#endif
