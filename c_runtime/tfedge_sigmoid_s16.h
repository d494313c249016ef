/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SIGMOID_S16_H
#define TFEDGE_SIGMOID_S16_H

#include "tfedge_platform.h"

/* Sigmoid and tanh of int16 by one table of 256 values and linear interpolation, as TFLite Micro's
 * reference kernels compute them; tanh(x) = 2 * sigmoid(2 * x) - 1.
 *
 * table[i] is about 65536 * sigmoid(i / 24) - 32768. Inputs of Q3.12 are multiplied by 3 first,
 * which makes 1/24 a power of two: 2^9 for sigmoid, 2^8 for tanh. Results are Q0.15. */

#define TFEDGE_SIGMOID_S16_ENTRIES 256

/* 65536 * sigmoid of an entry. */
TFEDGE_INLINE int32_t tfedge_sigmoid_s16_entry(const int16_t *table, int32_t index) {
  return 32768 + table[index];
}

/* x * multiplier / 2^shift, rounded halves up; shift in 0..31, |x * multiplier| at most 2^30. */
TFEDGE_INLINE int32_t tfedge_sigmoid_s16_scaled(int16_t x, int32_t multiplier, int32_t shift) {
  const int32_t half = shift > 0 ? (int32_t)((uint32_t)1 << (shift - 1)) : 0;
  return (x * multiplier + half) >> shift;
}

/* sigmoid(x * multiplier / (3 * 2^(12 + shift))), rounded; 3 and 0 are for x in Q3.12. */
TFEDGE_INLINE int16_t tfedge_sigmoid_s16(const int16_t *table, int16_t x, int32_t multiplier,
                                         int32_t shift) {
  const int32_t scaled = tfedge_sigmoid_s16_scaled(x, multiplier, shift);
  const int32_t magnitude = scaled < 0 ? -scaled : scaled;
  const int32_t index = magnitude >> 9;
  int32_t value = (int32_t)32767 * 1024;
  if (index < TFEDGE_SIGMOID_S16_ENTRIES - 1) {
    const int32_t below = tfedge_sigmoid_s16_entry(table, index);
    const int32_t above = tfedge_sigmoid_s16_entry(table, index + 1);
    value = below * 512 + (magnitude & 511) * (above - below);
  }
  return (int16_t)((scaled < 0 ? ((int32_t)1 << 25) - value + 511 : value + 512) >> 10);
}

/* tanh(x * multiplier / (3 * 2^(12 + shift))), rounded. */
TFEDGE_INLINE int16_t tfedge_tanh_s16(const int16_t *table, int16_t x, int32_t multiplier,
                                      int32_t shift) {
  const int32_t scaled = tfedge_sigmoid_s16_scaled(x, multiplier, shift);
  const int32_t magnitude = scaled < 0 ? -scaled : scaled;
  const int32_t index = magnitude >> 8;
  int32_t value = 65535 * 256;
  if (index < TFEDGE_SIGMOID_S16_ENTRIES - 1) {
    const int32_t below = tfedge_sigmoid_s16_entry(table, index);
    const int32_t above = tfedge_sigmoid_s16_entry(table, index + 1);
    value = below * 256 + (magnitude & 255) * (above - below);
  }
  value -= (int32_t)1 << 23;
  return (int16_t)((scaled < 0 ? 127 - value : value + 128) >> 8);
}

#endif
