/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_blocks_s8.h"

#include "tfedge_four_sums.h"

#if TFEDGE_HAS_DSP

/* One channel's blocks; returns the words of the next one. */
TFEDGE_KEEP_ORDER static TFEDGE_APART const int32_t *sum_blocks(const int32_t *words,
                                                                const int8_t *steps, int32_t count,
                                                                const uint32_t *column,
                                                                int32_t sums[4]) {
  int32_t sum0 = 0;
  int32_t sum1 = 0;
  int32_t sum2 = 0;
  int32_t sum3 = 0;
  const int32_t *const end = words + count;
  while (words != end) {
    column += 8 * (uint8_t)*steps++;
    const uint32_t four = (uint32_t)*words++;
    const uint32_t even = tfedge_even_bytes(four);
    const uint32_t odd = tfedge_odd_bytes(four);
    sum0 = tfedge_add_products(even, column[0], sum0);
    sum1 = tfedge_add_products(even, column[1], sum1);
    sum2 = tfedge_add_products(even, column[2], sum2);
    sum3 = tfedge_add_products(even, column[3], sum3);
    sum0 = tfedge_add_products(odd, column[4], sum0);
    sum1 = tfedge_add_products(odd, column[5], sum1);
    sum2 = tfedge_add_products(odd, column[6], sum2);
    sum3 = tfedge_add_products(odd, column[7], sum3);
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
  return words;
}

#else

/* The same for every other processor: the even bytes of a block are a pair, and so are the odd. */
TFEDGE_KEEP_ORDER static TFEDGE_APART const int32_t *sum_blocks(const int32_t *words,
                                                                const int8_t *steps, int32_t count,
                                                                const uint32_t *column,
                                                                int32_t sums[4]) {
  tfedge_four_sums found = tfedge_four_sums_start(2 * count);
  const int32_t *const end = words + count;
  while (words != end) {
    column += 8 * (uint8_t)*steps++;
    tfedge_four_sums_add(&found, column, words, 0);
    tfedge_four_sums_add(&found, column + 4, words, 1);
    words++;
  }
  tfedge_four_sums_finish(&found, sums);
  return words;
}

#endif

TFEDGE_SHARED
void tfedge_blocks_s8_four(const tfedge_pairs_s8_params *product,
                           const tfedge_blocks_s8_params *blocks, const uint32_t *columns,
                           int8_t *output, int32_t pixel_step) {
  const int32_t *row = product->rows;
  const int32_t *words = blocks->words;
  const int8_t *steps = blocks->steps;
  for (int32_t channel = 0; channel < product->channels; channel++) {
    const int32_t count = blocks->counts[channel];
    const int32_t odd = channel % 2;
    int32_t sums[4];
    words = sum_blocks(words, steps, count, columns, sums);
    steps += count;
    tfedge_requantize_four_pixels(row, odd, product->exact, sums, output + channel, pixel_step);
    row = odd == 0 ? row : tfedge_next_row(row, product->exact);
  }
}
