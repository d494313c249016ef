/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_BFP8_H
#define TFEDGE_BFP8_H

#include "tfedge_requantize.h"

/* Block floating point: tensors of 8 bits that share one exponent, which is found at run time. A
 * value is integer * 2^exponent; integers lie in -127..127, or in 0..255 where what makes a tensor
 * cannot give negative values. In memory the exponent comes first, an int32 of any alignment, and
 * then the integers, each a byte. Nothing here computes with real numbers. Source:
 * tfedge's arithmetic/block_floating_point.py, with which results agree bit for bit. */
#define TFEDGE_BFP8_HEADER 4
#define TFEDGE_BFP8_SIGNED 127
#define TFEDGE_BFP8_UNSIGNED 255

TFEDGE_INLINE int32_t tfedge_bfp8_exponent(const int8_t *block) {
  int32_t exponent;
  memcpy(&exponent, block, sizeof exponent);
  return exponent;
}

/* The integer of a byte of a tensor whose largest is TFEDGE_BFP8_SIGNED or _UNSIGNED. */
TFEDGE_INLINE int32_t tfedge_bfp8_integer(int8_t byte, int32_t largest) {
  return largest == TFEDGE_BFP8_UNSIGNED ? (int32_t)(uint8_t)byte : (int32_t)byte;
}

TFEDGE_INLINE int8_t tfedge_bfp8_byte(int32_t integer) {
  return (int8_t)(uint8_t)integer;
}

TFEDGE_INLINE int32_t tfedge_bfp8_max(int32_t a, int32_t b) {
  return a > b ? a : b;
}

/* x / 2^exponent, rounded half away from zero; exponent of at least 0. */
TFEDGE_INLINE int32_t tfedge_bfp8_right(int32_t x, int32_t exponent) {
  return tfedge_divide_by_power_of_two(x, exponent < 31 ? exponent : 31);
}

/* A tensor as it is written, element after element. Its exponent is the smallest with which what
 * is written so far fits: where an element does not, all before it are rounded again. */
typedef struct tfedge_bfp8_writer {
  int8_t *bytes;
  int32_t largest;
  int32_t count;    /* of elements that are written */
  int32_t exponent; /* of the numbers that are put */
  int32_t shift;    /* from these to the right */
} tfedge_bfp8_writer;

TFEDGE_INLINE tfedge_bfp8_writer tfedge_bfp8_begin(int8_t *block, int32_t largest,
                                                   int32_t exponent) {
  const tfedge_bfp8_writer writer = {block + TFEDGE_BFP8_HEADER, largest, 0, exponent, 0};
  return writer;
}

TFEDGE_INLINE int tfedge_bfp8_fits(int32_t x, int32_t largest) {
  return x <= largest && x >= -largest;
}

/* Makes room for x; returns its integer. */
TFEDGE_INLINE int32_t tfedge_bfp8_grow(tfedge_bfp8_writer *writer, int32_t x) {
  int32_t by = 1;
  int32_t integer = tfedge_divide_by_power_of_two(x, writer->shift + by);
  while (!tfedge_bfp8_fits(integer, writer->largest)) {
    by++;
    integer = tfedge_divide_by_power_of_two(x, writer->shift + by);
  }
  for (int32_t i = 0; i < writer->count; i++) {
    const int32_t before = tfedge_bfp8_integer(writer->bytes[i], writer->largest);
    writer->bytes[i] = tfedge_bfp8_byte(tfedge_divide_by_power_of_two(before, by));
  }
  writer->shift += by;
  return integer;
}

/* x: its magnitude is below 2^31; it is not negative where integers cannot be. */
TFEDGE_INLINE void tfedge_bfp8_put(tfedge_bfp8_writer *writer, int32_t x) {
  int32_t integer = tfedge_divide_by_power_of_two(x, writer->shift);
  if (!tfedge_bfp8_fits(integer, writer->largest)) {
    integer = tfedge_bfp8_grow(writer, x);
  }
  writer->bytes[writer->count] = tfedge_bfp8_byte(integer);
  writer->count++;
}

/* Writes the exponent, behind the last element. */
TFEDGE_INLINE void tfedge_bfp8_end(const tfedge_bfp8_writer *writer, int8_t *block) {
  const int32_t exponent = writer->exponent + writer->shift;
  memcpy(block, &exponent, sizeof exponent);
}

/* Limits of what is put, that a fused activation sets: whole numbers, INT32_MAX and -INT32_MAX for
 * none. */
typedef struct tfedge_bfp8_limits {
  int32_t low;
  int32_t high;
} tfedge_bfp8_limits;

/* A whole number with an exponent; what lies beyond int32 becomes its end. */
TFEDGE_INLINE int32_t tfedge_bfp8_limit(int32_t whole, int32_t exponent) {
  const int32_t magnitude = whole < 0 ? -whole : whole;
  int32_t limit = exponent >= 0 ? tfedge_bfp8_right(magnitude, exponent) : INT32_MAX;
  if (magnitude == 0 || magnitude == INT32_MAX) {
    return whole;
  }
  if (exponent < 0 && exponent > -31 && magnitude <= INT32_MAX >> -exponent) {
    limit = (int32_t)((uint32_t)magnitude << -exponent);
  }
  return whole < 0 ? -limit : limit;
}

TFEDGE_INLINE tfedge_bfp8_limits tfedge_bfp8_limits_at(tfedge_bfp8_limits limits,
                                                       int32_t exponent) {
  const tfedge_bfp8_limits moved = {tfedge_bfp8_limit(limits.low, exponent),
                                    tfedge_bfp8_limit(limits.high, exponent)};
  return moved;
}

#endif
