/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ROW_SUMS_S8_H
#define TFEDGE_ROW_SUMS_S8_H

#include "tfedge_saturating_requantize.h"

/* How sums of one row become int8, channel after channel: see tfedge_saturating_requantize.h.
 * scales: {multiplier, addend} of each channel, and shift if exact is 1; scale_words from one
 * channel's to the next one's, 0 where all have the same. */
TFEDGE_INLINE int8_t tfedge_row_result(int32_t sum, const int32_t *scales, int32_t exact) {
  return (int8_t)(exact != 0 ? tfedge_requantize_exactly(sum, scales[0], scales[1], scales[2])
                             : tfedge_requantize_by_steps(sum, scales[0], scales[1]));
}

/* The same of several channels; returns the scales of the next one. */
TFEDGE_INLINE const int32_t *tfedge_row_results(const int32_t *sums, int32_t count,
                                                const int32_t *scales, int32_t scale_words,
                                                int32_t exact, int8_t *output) {
  const int8_t *const end = output + count;
  if (exact != 0) {
    while (output != end) {
      *output++ = tfedge_row_result(*sums++, scales, 1);
      scales += scale_words;
    }
  } else {
    while (output != end) {
      *output++ = tfedge_row_result(*sums++, scales, 0);
      scales += scale_words;
    }
  }
  return scales;
}

#endif
