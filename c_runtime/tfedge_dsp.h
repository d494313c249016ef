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

/* Bytes 0 and 2 of a word, sign-extended, added to a pair; sums stay within 16 bits. */
TFEDGE_INLINE uint32_t tfedge_add_even_bytes(uint32_t pair, uint32_t word) {
  uint32_t sum;
  __asm__("sxtab16 %0, %1, %2" : "=r"(sum) : "r"(pair), "r"(word));
  return sum;
}

/* The same with bytes 1 and 3. */
TFEDGE_INLINE uint32_t tfedge_add_odd_bytes(uint32_t pair, uint32_t word) {
  uint32_t sum;
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(sum) : "r"(pair), "r"(word));
  return sum;
}

/* The low halves of two words as a pair, the first one's below. */
TFEDGE_INLINE uint32_t tfedge_low_halves(uint32_t low, uint32_t high) {
  uint32_t pair;
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(low), "r"(high));
  return pair;
}

/* The high halves of two words as a pair, the first one's below. */
TFEDGE_INLINE uint32_t tfedge_high_halves(uint32_t low, uint32_t high) {
  uint32_t pair;
  __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(pair) : "r"(high), "r"(low));
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

/* sum + low * high. */
TFEDGE_INLINE int32_t tfedge_add_low_high_product(uint32_t a, uint32_t b, int32_t sum) {
  __asm__("smlabt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
  return sum;
}

/* sum + high * low. */
TFEDGE_INLINE int32_t tfedge_add_high_low_product(uint32_t a, uint32_t b, int32_t sum) {
  __asm__("smlatb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
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

/* addend + the upper word of a * b. */
TFEDGE_INLINE int32_t tfedge_add_high(int32_t a, int32_t b, int32_t addend) {
  int32_t sum;
  __asm__("smmla %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(addend));
  return sum;
}

/* The same with the product rounded half up. */
TFEDGE_INLINE int32_t tfedge_add_high_rounded(int32_t a, int32_t b, int32_t addend) {
  int32_t sum;
  __asm__("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(addend));
  return sum;
}

/* A function of nothing but one block of assembly, which saves what it changes by itself. Addresses
 * of labels are told from that of a word. Compilers that guard the stack of every function, or
 * count calls, would put code of their own in front, which changes registers. */
#if defined(__clang__) || __GNUC__ >= 11
#define TFEDGE_UNGUARDED no_stack_protector
#else
#define TFEDGE_UNGUARDED optimize("no-stack-protector")
#endif
#define TFEDGE_ASSEMBLY __attribute__((naked, aligned(4), no_instrument_function, TFEDGE_UNGUARDED))

/* Keeps a pointer a register that is stepped; GCC likes to compute it anew from a counter. */
#define TFEDGE_STEPPED(pointer) __asm__("" : "+r"(pointer))

#else
#define TFEDGE_HAS_DSP 0
#endif

/* GCC's first scheduling pass hoists all loads of an unrolled block and then runs out of registers.
 */
#if defined(__arm__) && defined(__GNUC__) && !defined(__clang__)
#define TFEDGE_KEEP_ORDER __attribute__((optimize("no-schedule-insns")))
#else
#define TFEDGE_KEEP_ORDER
#endif

#endif
