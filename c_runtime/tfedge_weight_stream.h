/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_WEIGHT_STREAM_H
#define TFEDGE_WEIGHT_STREAM_H

#include "tfedge_platform.h"

/* What all readers of stored weights share. A reader restores weights to scratch memory, in the
 * order in which their kernel reads them, a tile of channels at a time; a tile begins behind the
 * one before, and begins a new word of what is stored. Words are values: what they hold counts from
 * their lowest bits, whatever the byte order of the processor. */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define TFEDGE_LOWEST_BYTE_IS_LAST 1
#else
#define TFEDGE_LOWEST_BYTE_IS_LAST 0
#endif

/* Where byte `index` of restored weights lies: kernels read them as bytes, or as words whose bytes
 * count from the lowest. */
TFEDGE_INLINE int32_t tfedge_weight_place(int32_t index, int32_t are_words) {
#if TFEDGE_LOWEST_BYTE_IS_LAST
  return are_words != 0 ? index ^ 3 : index;
#else
  (void)are_words;
  return index;
#endif
}

/* Four restored weights, the first in the lowest byte. */
TFEDGE_INLINE uint32_t tfedge_four_weights(uint32_t four, int32_t are_words) {
#if TFEDGE_LOWEST_BYTE_IS_LAST
  if (are_words == 0) {
    return four >> 24 | (four >> 8 & 0xff00u) | (four << 8 & 0xff0000u) | four << 24;
  }
#else
  (void)are_words;
#endif
  return four;
}

#endif
