/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_DYNAMIC_RANGE_H
#define TFEDGE_DYNAMIC_RANGE_H

#include "tfedge_real_f32.h"
#include "tfedge_requantize.h"

/* Real numbers as int8 of a scale that is found in them, for products with int8 weights:
 * real = scale * (integer - zero_point).
 *
 * Symmetric: the largest magnitude becomes 127. Otherwise 0 and all values are just within int8.
 * Rounds halves away from zero, before the zero point is added: the other order differs on halves.
 * Source: LiteRT's reference tensor_utils. (Where it is compiled for vectors, it rounds
 * 0.49999997 to 1 in all but the last values of a row; this rounds to 0, as its scalar code.) */
typedef struct tfedge_dynamic_range {
  float scale;
  int32_t zero_point;
} tfedge_dynamic_range;

/* Of a value within int8's reach. */
TFEDGE_INLINE int32_t tfedge_dynamic_range_round(float steps) {
  const int32_t whole = (int32_t)steps;
  const float rest = steps - (float)whole;
  return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
}

TFEDGE_INLINE tfedge_dynamic_range tfedge_dynamic_range_symmetric(const float *values, int32_t size,
                                                                  int8_t *integers) {
  tfedge_dynamic_range range = {1.0f, 0};
  float largest = 0.0f;
  for (int32_t i = 0; i < size; i++) {
    const float magnitude = fabsf(values[i]);
    largest = magnitude > largest ? magnitude : largest;
  }
  const float factor = largest > 0.0f ? 127.0f / largest : 0.0f;
  for (int32_t i = 0; i < size; i++) {
    integers[i] = (int8_t)tfedge_clamp(tfedge_dynamic_range_round(values[i] * factor), -127, 127);
  }
  if (largest > 0.0f) {
    range.scale = largest / 127.0f;
  }
  return range;
}

/* The integer for 0, on whichever side its error is smaller. */
TFEDGE_INLINE int32_t tfedge_dynamic_range_zero_point(double low, double high, double scale) {
  const double from_low = -128.0 - low / scale;
  const double from_high = 127.0 - high / scale;
  const double best = 128.0 + fabs(low / scale) < 127.0 + fabs(high / scale) ? from_low : from_high;
  if (best <= -128.0) {
    return -128;
  }
  if (best >= 127.0) {
    return 127;
  }
  const int32_t whole = (int32_t)best;
  const double rest = best - (double)whole;
  return whole + (rest >= 0.5 ? 1 : 0) - (rest <= -0.5 ? 1 : 0);
}

TFEDGE_INLINE tfedge_dynamic_range tfedge_dynamic_range_asymmetric(const float *values,
                                                                   int32_t size, int8_t *integers) {
  tfedge_dynamic_range range = {1.0f, 0};
  float low = 0.0f;
  float high = 0.0f;
  for (int32_t i = 0; i < size; i++) {
    low = values[i] < low ? values[i] : low;
    high = values[i] > high ? values[i] : high;
  }
  float factor = 0.0f;
  if (low < high) {
    const double scale = (double)(high - low) / 255.0;
    range.scale = (float)scale;
    range.zero_point = tfedge_dynamic_range_zero_point((double)low, (double)high, scale);
    factor = 1.0f / range.scale;
  }
  for (int32_t i = 0; i < size; i++) {
    const int32_t steps = tfedge_dynamic_range_round(values[i] * factor);
    integers[i] = (int8_t)tfedge_clamp(steps + range.zero_point, INT8_MIN, INT8_MAX);
  }
  return range;
}

#endif
