/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SATURATING_REQUANTIZE_H
#define TFEDGE_SATURATING_REQUANTIZE_H

#include "tfedge_requantize.h"

/* Sums to int8 where |sum| < 2^30 and all of int8 is allowed: the zero point and what rounds are
 * one addend, and saturation is the only clamp. */

/* The nearest int8. */
TFEDGE_INLINE int32_t tfedge_saturate_int8(int32_t x) {
#if TFEDGE_HAS_DSP
  int32_t saturated;
  __asm__("ssat %0, #8, %1" : "=r"(saturated) : "r"(x));
  return saturated;
#elif TFEDGE_IS_BASELINE /* one comparison, and no constant that takes two instructions */
  const int32_t narrow = (int8_t)x;
  if (narrow == x) {
    return narrow;
  }
  return x < 0 ? INT8_MIN : INT8_MAX;
#else
  return tfedge_clamp(x, INT8_MIN, INT8_MAX);
#endif
}

/* What tfedge_requantize_narrow(sum, multiplier, -shift) plus the zero point saturates to, with
 * addend = 2^(shift - 1) + zero_point * 2^shift; shift in 1..23. Taking the sign of the sum for
 * that of the product changes nothing: where they differ, the product is 0, and so is the result.
 */
TFEDGE_INLINE int32_t tfedge_requantize_exactly(int32_t sum, int32_t multiplier, int32_t addend,
                                                int32_t shift) {
#if TFEDGE_HAS_DSP
  const int32_t high = tfedge_add_high_rounded(sum * 2, multiplier, addend);
#else
  const int32_t high = tfedge_multiply_high_doubled(sum, multiplier) + addend;
#endif
  return tfedge_saturate_int8((high + (sum >> 31)) >> shift);
}

/* (sum * multiplier / 2^32 + addend) / 2, both rounded down: a function of 255 steps, which the
 * generator has put where those of the exact form are. */
TFEDGE_INLINE int32_t tfedge_requantize_by_steps(int32_t sum, int32_t multiplier, int32_t addend) {
#if TFEDGE_HAS_DSP
  const int32_t high = tfedge_add_high(sum, multiplier, addend);
#else
  const int32_t high = tfedge_high_word(sum, multiplier) + addend;
#endif
  return tfedge_saturate_int8(high >> 1);
}

#endif
