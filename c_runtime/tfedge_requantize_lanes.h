/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_REQUANTIZE_LANES_H
#define TFEDGE_REQUANTIZE_LANES_H

#include "tfedge_requantize.h"
#include "tfedge_vectors.h"

/* Requantisation of four channels at a time, the same numbers as tfedge_requantize:
 *
 *   output = clamp(zero_point + round(round((sum + bias) * multiplier / 2^31) * 2^shift))
 *
 * Sums of any size; shifts to the right by 1 to 31. Constants of four channels are a row:
 *   int32 [3][4]: biases, multipliers in Q0.31, shifts as negative numbers.
 * Rows of channels that do not exist hold zeros. */
#define TFEDGE_ROW_WORDS 12

/* Where int8 outputs lie on their grid. */
typedef struct tfedge_lanes_output {
  int32_t zero_point; /* -128..127 */
  int32_t min;        /* the fused activation, within -128..127 */
  int32_t max;
} tfedge_lanes_output;

/* One channel, from its sum with the bias. */
TFEDGE_INLINE int8_t tfedge_requantize_lane(int32_t sum, int32_t multiplier, int32_t shift,
                                            const tfedge_lanes_output *output) {
  const int32_t y = tfedge_requantize(sum, multiplier, shift);
  return (int8_t)tfedge_clamp(y + output->zero_point, output->min, output->max);
}

#if TFEDGE_HAS_MVE

typedef struct tfedge_lanes_row {
  int32x4_t bias;
  int32x4_t multiplier;
  int32x4_t shift;
} tfedge_lanes_row;

TFEDGE_INLINE tfedge_lanes_row tfedge_lanes_row_at(const int32_t *words) {
  const tfedge_lanes_row row = {vldrwq_s32(words), vldrwq_s32(words + 4), vldrwq_s32(words + 8)};
  return row;
}

/* Before clamping. VQRDMULH rounds as the reference; VRSHL rounds halves up, where the reference
 * rounds them away from zero, so that negative numbers are made smaller by one first. */
TFEDGE_INLINE int32x4_t tfedge_requantize_four(int32x4_t sums, tfedge_lanes_row row) {
  int32x4_t y = vqrdmulhq_s32(vaddq_s32(sums, row.bias), row.multiplier);
  y = vaddq_s32(y, vshrq_n_s32(y, 31));
  return vrshlq_s32(y, row.shift);
}

TFEDGE_INLINE int32x4_t tfedge_clamp_four(int32x4_t y, const tfedge_lanes_output *output) {
  y = vaddq_n_s32(y, output->zero_point);
  return vminq_s32(vmaxq_s32(y, vdupq_n_s32(output->min)), vdupq_n_s32(output->max));
}

#else

/* One channel of a row, from its sum without the bias. */
TFEDGE_INLINE int8_t tfedge_requantize_row_lane(int32_t sum, const int32_t *row, int32_t lane,
                                                const tfedge_lanes_output *output) {
  const int32_t total = tfedge_wrapping_add(sum, row[lane]);
  return tfedge_requantize_lane(total, row[4 + lane], row[8 + lane], output);
}

#endif

#endif
