/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_TWO_SUMS_H
#define TFEDGE_TWO_SUMS_H

#include "tfedge_platform.h"

/* A word's byte, 0 being the lowest, with its sign. Most cores load it faster than they cut it out.
 */
TFEDGE_INLINE int32_t tfedge_byte_of(const int32_t *word, int32_t byte) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && !TFEDGE_IS_BASELINE
  return ((const int8_t *)word)[byte];
#else
  return (int8_t)(uint8_t)((uint32_t)*word >> (8 * byte));
#endif
}

/* Two sums of products on cores without instructions for that: with two values in a word, as the
 * number first + second * 2^16, one multiplication by a weight makes two products, and one addition
 * adds both, modulo 2^32. */
typedef struct tfedge_two_sums {
  uint32_t both;  /* first sum + second sum * 2^16 */
  int32_t second; /* the second sum by itself, which 16 bits would not hold */
} tfedge_two_sums;

/* Each of the two sums of two products is one of -32512..32768. 32512 more make numbers of 16 bits
 * without a sign, so that the first takes nothing from the second. */
#define TFEDGE_TWO_PRODUCTS_LOWEST 32512
#define TFEDGE_TWO_PRODUCTS_OFFSET 0x7f007f00u /* for both */

/* Sums to which products will be added that many times, fewer than 2^16. */
TFEDGE_INLINE tfedge_two_sums tfedge_two_sums_start(int32_t times) {
  const tfedge_two_sums sums = {0u - (uint32_t)times * TFEDGE_TWO_PRODUCTS_OFFSET,
                                -times * TFEDGE_TWO_PRODUCTS_LOWEST};
  return sums;
}

/* Adds two words, each times an int8. */
TFEDGE_INLINE void tfedge_add_two_products(tfedge_two_sums *sums, uint32_t a, uint32_t a_weight,
                                           uint32_t b, uint32_t b_weight) {
  const uint32_t products = TFEDGE_TWO_PRODUCTS_OFFSET + a * a_weight + b * b_weight;
  sums->both += products;
  sums->second += (int32_t)(products >> 16);
}

TFEDGE_INLINE int32_t tfedge_first_sum(const tfedge_two_sums *sums) {
  return (int32_t)(sums->both - ((uint32_t)sums->second << 16));
}

#endif
