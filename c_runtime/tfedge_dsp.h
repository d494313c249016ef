/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_DSP_H
#define TFEDGE_DSP_H

#include <string.h>

#include "tfedge_platform.h"

/* The DSP extension of Armv7E-M and Armv8-M (Cortex-M4, M7, M33): two 16-bit products at once.
 * A pair is a word of two int16. Compilers lack intrinsics for some of these, hence assembly. Which
 * of four bytes is the lowest of a word decides whose product goes where, so that cores that run
 * with the most significant byte first take the portable loops. */
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__ARM_BIG_ENDIAN)
#define TFEDGE_HAS_DSP 1

/* Four int8 from any address, the first in the lowest byte. */
TFEDGE_INLINE uint32_t tfedge_load_four(const int8_t *values) {
  uint32_t word;
  memcpy(&word, values, sizeof word);
  return word;
}

/* Bytes 0 and 2, sign-extended, as a pair. */
TFEDGE_INLINE uint32_t tfedge_even_bytes(uint32_t word) {
  uint32_t pair;
  __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
  return pair;
}

/* Bytes 1 and 3, sign-extended, as a pair. */
TFEDGE_INLINE uint32_t tfedge_odd_bytes(uint32_t word) {
  uint32_t pair;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
  return pair;
}

/* sum + low * low + high * high. */
TFEDGE_INLINE int32_t tfedge_add_products(uint32_t a, uint32_t b, int32_t sum) {
  __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
  return sum;
}

/* sum + low * low. */
TFEDGE_INLINE int32_t tfedge_add_low_product(uint32_t a, uint32_t b, int32_t sum) {
  __asm__("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
  return sum;
}

/* sum + high * high. */
TFEDGE_INLINE int32_t tfedge_add_high_product(uint32_t a, uint32_t b, int32_t sum) {
  __asm__("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
  return sum;
}

/* a * b / 2^31 rounded half up, for |a| < 2^30. */
TFEDGE_INLINE int32_t tfedge_multiply_high_doubled(int32_t a, int32_t b) {
  int32_t high;
  __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a * 2), "r"(b));
  return high;
}

/* Keeps a pointer a register that is stepped; GCC likes to compute it anew from a counter. */
#define TFEDGE_STEPPED(pointer) __asm__("" : "+r"(pointer))

#else
#define TFEDGE_HAS_DSP 0
#endif

/* GCC's first scheduling pass hoists all loads of an unrolled block and then runs out of registers.
 */
#if TFEDGE_HAS_DSP && !defined(__clang__)
#define TFEDGE_KEEP_ORDER __attribute__((optimize("no-schedule-insns")))
#else
#define TFEDGE_KEEP_ORDER
#endif

#endif
