/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_INTERPOLATE_S16_H
#define TFEDGE_INTERPOLATE_S16_H

#include "tfedge_platform.h"

/* Any function of one int16 as a table of 512 values, 128 steps of the input apart, and the value
 * behind the last; in between on a straight line, rounded halves up. Neighbours lie less than 2^15
 * apart, or the difference wraps like the reference's.
 * Source: the lookup of TFLite's reference kernels on int16. */
TFEDGE_INLINE int16_t tfedge_interpolate_s16(const int16_t *table, int32_t x) {
  const int32_t index = 256 + (x >> 7);
  const int32_t base = table[index];
  const int16_t slope = (int16_t)(table[index + 1] - base);
  return (int16_t)(base + ((slope * (x & 127) + 64) >> 7));
}

#endif
