/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FOUR_BITS_H
#define TFEDGE_FOUR_BITS_H

#include "tfedge_platform.h"

/* Bytes of 0 to 15 less 8 each: no byte borrows from the next one, whose highest bit is set. */
TFEDGE_INLINE uint32_t tfedge_less_eight(uint32_t four) {
  return ((four | 0x80808080u) - 0x08080808u) ^ 0x80808080u;
}

/* The lower half of each byte, and the upper one. */
TFEDGE_INLINE uint32_t tfedge_lower_halves(uint32_t four) {
  return four & 0x0f0f0f0fu;
}

TFEDGE_INLINE uint32_t tfedge_upper_halves(uint32_t four) {
  return four >> 4 & 0x0f0f0f0fu;
}

#endif
