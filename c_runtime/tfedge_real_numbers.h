/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_REAL_NUMBERS_H
#define TFEDGE_REAL_NUMBERS_H

#include "tfedge_platform.h"

/* Real numbers as integers of a grid, and back: real = scale * (integer - zero_point).
 * Rounds half away from zero; not-a-number becomes the zero point.
 * Source: TFLite 8-bit quantisation specification, QUANTIZE and DEQUANTIZE. */

/* Lie beyond any steps of 8 and of 16 bits that do not saturate. */
#define TFEDGE_LIMIT_8_BITS 1024.0f
#define TFEDGE_LIMIT_16_BITS 262144.0f

/* The integer before it saturates at its type's ends. */
TFEDGE_INLINE int32_t tfedge_steps_of(float real, float scale, int32_t zero_point, float limit) {
  float steps = real / scale;
  if (!(steps > -limit)) {
    steps = steps <= -limit ? -limit : 0.0f;
  }
  if (steps > limit) {
    steps = limit;
  }
  const int32_t whole = (int32_t)steps;
  const float rest = steps - (float)whole;
  return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0) + zero_point;
}

/* The integer of a type whose values go from least to greatest. */
TFEDGE_INLINE int32_t tfedge_integer_of(float real, float scale, int32_t zero_point, float limit,
                                        int32_t least, int32_t greatest) {
  const int32_t steps = tfedge_steps_of(real, scale, zero_point, limit);
  if (steps < least) {
    return least;
  }
  return steps > greatest ? greatest : steps;
}

TFEDGE_INLINE float tfedge_real_of(int32_t integer, float scale, int32_t zero_point) {
  return scale * (float)(integer - zero_point);
}

#endif
