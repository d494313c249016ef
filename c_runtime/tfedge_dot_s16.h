/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_DOT_S16_H
#define TFEDGE_DOT_S16_H

#include "tfedge_platform.h"

/* Dot products of int16 with int8 over depth values, in 64 bits. */

/* The sum of so many products, of 22 bits each, fits into 32. */
#define TFEDGE_DOT_S16_BLOCK 256

/* sums[0..3] += x.w0, x.w1, x.w2, x.w3 over count values, at most a block, the rows of w being
 * depth apart. */
TFEDGE_INLINE void tfedge_dot_s16_block(const int16_t *x, const int8_t *w0, int32_t depth,
                                        int32_t count, int64_t sums[4]) {
  const int8_t *const w1 = w0 + depth;
  const int8_t *const w2 = w1 + depth;
  const int8_t *const w3 = w2 + depth;
  int32_t sum0 = 0;
  int32_t sum1 = 0;
  int32_t sum2 = 0;
  int32_t sum3 = 0;
  for (int32_t k = 0; k < count; k++) {
    const int32_t a = x[k];
    sum0 += a * w0[k];
    sum1 += a * w1[k];
    sum2 += a * w2[k];
    sum3 += a * w3[k];
  }
  sums[0] += sum0;
  sums[1] += sum1;
  sums[2] += sum2;
  sums[3] += sum3;
}

/* sums[0..3] += x.w0, x.w1, x.w2, x.w3, the rows of w being depth apart: x is loaded once for four
 * products. */
TFEDGE_INLINE void tfedge_dot_s16_one_by_four(const int16_t *x, const int8_t *w0, int32_t depth,
                                              int64_t sums[4]) {
  for (int32_t k = 0; k < depth; k += TFEDGE_DOT_S16_BLOCK) {
    const int32_t left = depth - k;
    tfedge_dot_s16_block(x + k, w0 + k, depth,
                         left < TFEDGE_DOT_S16_BLOCK ? left : TFEDGE_DOT_S16_BLOCK, sums);
  }
}

/* x.w */
TFEDGE_INLINE int64_t tfedge_dot_s16(const int16_t *x, const int8_t *w, int32_t depth) {
  int64_t sum = 0;
  int32_t k = 0;
  while (k < depth) {
    const int32_t left = depth - k;
    const int32_t end = k + (left < TFEDGE_DOT_S16_BLOCK ? left : TFEDGE_DOT_S16_BLOCK);
    int32_t block = 0;
    for (; k < end; k++) {
      block += (int32_t)x[k] * w[k];
    }
    sum += block;
  }
  return sum;
}

#endif
