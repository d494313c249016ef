/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FOUR_SUMS_H
#define TFEDGE_FOUR_SUMS_H

#include "tfedge_saturating_requantize.h"
#include "tfedge_two_sums.h"

/* Sums of four pixels for processors without the DSP extension, and how they become int8. */

/* One channel's sums of four pixels. */
typedef struct tfedge_four_sums {
  tfedge_two_sums sums01;
  tfedge_two_sums sums23;
} tfedge_four_sums;

TFEDGE_INLINE tfedge_four_sums tfedge_four_sums_start(int32_t pairs) {
  const tfedge_two_sums none = tfedge_two_sums_start(pairs);
  const tfedge_four_sums sums = {none, none};
  return sums;
}

/* A pair of values of four pixels times the weights of the even channel, or of the odd one. */
TFEDGE_INLINE void tfedge_four_sums_add(tfedge_four_sums *sums, const uint32_t columns[4],
                                        const int32_t *weights, int32_t odd) {
  const uint32_t first = (uint32_t)tfedge_byte_of(weights, odd);
  const uint32_t second = (uint32_t)tfedge_byte_of(weights, 2 + odd);
  tfedge_add_two_products(&sums->sums01, columns[0], first, columns[2], second);
  tfedge_add_two_products(&sums->sums23, columns[1], first, columns[3], second);
}

TFEDGE_INLINE void tfedge_four_sums_finish(const tfedge_four_sums *from, int32_t sums[4]) {
  sums[0] = tfedge_first_sum(&from->sums01);
  sums[1] = from->sums01.second;
  sums[2] = tfedge_first_sum(&from->sums23);
  sums[3] = from->sums23.second;
}

/* One channel's results. row: constants of two channels. */
TFEDGE_INLINE void tfedge_requantize_four_pixels(const int32_t *row, int32_t odd, int32_t exact,
                                                 const int32_t sums[4], int8_t *output,
                                                 int32_t pixel_step) {
  const int32_t bias = row[odd];
  const int32_t multiplier = row[2 + 2 * odd];
  const int32_t addend = row[3 + 2 * odd];
  if (exact != 0) {
    const int32_t shift = row[6 + odd];
    for (int32_t pixel = 0; pixel < 4; pixel++) {
      *output = (int8_t)tfedge_requantize_exactly(bias + sums[pixel], multiplier, addend, shift);
      output += pixel_step;
    }
  } else {
    for (int32_t pixel = 0; pixel < 4; pixel++) {
      *output = (int8_t)tfedge_requantize_by_steps(bias + sums[pixel], multiplier, addend);
      output += pixel_step;
    }
  }
}

/* From the constants of two channels to those of the next two. */
TFEDGE_INLINE const int32_t *tfedge_next_row(const int32_t *row, int32_t exact) {
  return row + (exact != 0 ? 8 : 6);
}

/* The results of two channels; returns the constants of the next two. */
TFEDGE_INLINE const int32_t *tfedge_requantize_two_channels(const int32_t *row, int32_t exact,
                                                            const int32_t even[4],
                                                            const int32_t odd[4], int8_t *output,
                                                            int32_t pixel_step) {
  tfedge_requantize_four_pixels(row, 0, exact, even, output, pixel_step);
  tfedge_requantize_four_pixels(row, 1, exact, odd, output + 1, pixel_step);
  return tfedge_next_row(row, exact);
}

#endif
