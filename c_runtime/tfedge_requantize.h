/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_REQUANTIZE_H
#define TFEDGE_REQUANTIZE_H

#include "tfedge_dsp.h"

/* Fixed-point arithmetic of TFLite Micro: real multipliers are q * 2^(shift - 31) with q in
 * [2^30, 2^31), and a product is rounded twice, first to 31 fractional bits, then by the shift. */

/* The upper word of a * b. */
TFEDGE_INLINE int32_t tfedge_high_word(int32_t a, int32_t b) {
#if TFEDGE_IS_BASELINE
  /* By halves: a core that has no instruction for it calls a function that takes the lower word as
     well. Each of the sums stays within 32 bits. */
  const int32_t a_low = a & 0xffff;
  const int32_t b_low = b & 0xffff;
  const int32_t a_high = a >> 16;
  const int32_t b_high = b >> 16;
  const uint32_t low = (uint32_t)a_low * (uint32_t)b_low;
  const int32_t cross = a_high * b_low + (int32_t)(low >> 16);
  return a_high * b_high + (cross >> 16) + ((a_low * b_high + (cross & 0xffff)) >> 16);
#else
  return (int32_t)(((int64_t)a * b) >> 32);
#endif
}

/* a * b / 2^31, rounded half up; b is never negative. gemmlowp's saturating rounding doubling high
 * multiply: its sign-dependent nudge and truncation are floor((a * b + 2^30) / 2^31). */
TFEDGE_INLINE int32_t tfedge_multiply_high(int32_t a, int32_t b) {
#if TFEDGE_IS_BASELINE
  const uint32_t low = (uint32_t)a * (uint32_t)b;
  return (int32_t)(((uint32_t)tfedge_high_word(a, b) << 1) + (((low >> 30) + 1u) >> 1));
#else
  return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
#endif
}

#if !TFEDGE_HAS_DSP
/* The same for |a| < 2^30. */
TFEDGE_INLINE int32_t tfedge_multiply_high_doubled(int32_t a, int32_t b) {
  const uint32_t low = (uint32_t)(a * 2) * (uint32_t)b;
  return tfedge_high_word(a * 2, b) + (int32_t)(low >> 31);
}
#endif

/* x / 2^exponent, rounded half away from zero; exponent in 0..31. */
TFEDGE_INLINE int32_t tfedge_divide_by_power_of_two(int32_t x, int32_t exponent) {
  const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1u);
  const int32_t remainder = x & mask;
  const int32_t threshold = (int32_t)((uint32_t)mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/* x * multiplier * 2^(shift - 31); shift in -31..30, positive to the left, where x wraps. */
TFEDGE_INLINE int32_t tfedge_requantize(int32_t x, int32_t multiplier, int32_t shift) {
  if (shift > 0) {
    return tfedge_multiply_high((int32_t)((uint32_t)x << shift), multiplier);
  }
  return tfedge_divide_by_power_of_two(tfedge_multiply_high(x, multiplier), -shift);
}

/* The same where |x| < 2^30 and shift in -31..-1, in fewer instructions. */
TFEDGE_INLINE int32_t tfedge_requantize_narrow(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t high = tfedge_multiply_high_doubled(x, multiplier);
  const int32_t right = -shift;
  return (high + (high >> 31) + (int32_t)((uint32_t)1 << (right - 1))) >> right;
}

/* x * multiplier * 2^(shift - 15) of a 64-bit sum, rounded once, halves up, with a multiplier of 15
 * bits: 0..32767; shift in -31..7. Like the reference's, the product wraps modulo 2^64, and of the
 * result the lower 32 bits count. */
TFEDGE_INLINE int32_t tfedge_requantize_wide(int64_t x, int32_t multiplier, int32_t shift) {
  const int32_t right = 15 - shift;
  const uint64_t half = (uint64_t)1 << (right - 1);
  const int64_t rounded = (int64_t)((uint64_t)x * (uint32_t)multiplier + half);
  return (int32_t)(uint32_t)(uint64_t)(rounded >> right);
}

TFEDGE_INLINE int32_t tfedge_clamp(int32_t x, int32_t low, int32_t high) {
  return x < low ? low : (x > high ? high : x);
}

/* a + b modulo 2^32, as the reference's accumulators wrap. */
TFEDGE_INLINE int32_t tfedge_wrapping_add(int32_t a, int32_t b) {
  return (int32_t)((uint32_t)a + (uint32_t)b);
}

#endif
