/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_blocks_s8.h"

#include "tfedge_four_sums.h"

#if TFEDGE_HAS_DSP

/* clang-format off */

/* One channel's blocks, of 16 products each in 17 instructions; returns the words of the next one.
 * r0: words, r1: gaps, r2: the end of the words, r3: column, r4 to r7: sums, r8 to r11: four values;
 * the rest is for a moment. That is every register, so that the function is naked. */
static TFEDGE_ASSEMBLY const int32_t *sum_blocks(const int32_t *words __attribute__((unused)),
                                                 const int8_t *gaps __attribute__((unused)),
                                                 int32_t count __attribute__((unused)),
                                                 const uint32_t *column __attribute__((unused)),
                                                 int32_t sums[4] __attribute__((unused))) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "movs r4, #0\n"
      "movs r5, #0\n"
      "movs r6, #0\n"
      "movs r7, #0\n"
      "add r2, r0, r2, lsl #2\n"
      "cmp r0, r2\n"
      "beq 2f\n"
      "1: ldrb r12, [r1], #1\n"
      "ldr lr, [r0], #4\n"
      "add r3, r3, r12, lsl #5\n"
      "sxtb16 r12, lr\n"
      "ldm r3!, {r8-r11}\n"
      "smlad r4, r12, r8, r4\n"
      "smlad r5, r12, r9, r5\n"
      "smlad r6, r12, r10, r6\n"
      "smlad r7, r12, r11, r7\n"
      "ldm r3!, {r8-r11}\n"
      "sxtb16 lr, lr, ror #8\n"
      "smlad r4, lr, r8, r4\n"
      "smlad r5, lr, r9, r5\n"
      "smlad r6, lr, r10, r6\n"
      "smlad r7, lr, r11, r7\n"
      "cmp r0, r2\n"
      "bne 1b\n"
      "2: ldr r12, [sp, #36]\n"
      "stm r12, {r4-r7}\n"
      "pop {r4-r11, pc}\n");
}

/* clang-format on */

#else

/* The same for every other processor: the even bytes of a block are a pair, and so are the odd. */
TFEDGE_KEEP_ORDER static TFEDGE_APART const int32_t *sum_blocks(const int32_t *words,
                                                                const int8_t *gaps, int32_t count,
                                                                const uint32_t *column,
                                                                int32_t sums[4]) {
  tfedge_four_sums found = tfedge_four_sums_start(2 * count);
  const int32_t *const end = words + count;
  while (words != end) {
    column += 8 * (uint8_t)*gaps++;
    tfedge_four_sums_add(&found, column, words, 0);
    tfedge_four_sums_add(&found, column + 4, words, 1);
    column += 8;
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
  const int8_t *gaps = blocks->gaps;
  for (int32_t channel = 0; channel < product->channels; channel++) {
    const int32_t count = blocks->counts[channel];
    const int32_t odd = channel % 2;
    int32_t sums[4];
    words = sum_blocks(words, gaps, count, columns, sums);
    gaps += count;
    tfedge_requantize_four_pixels(row, odd, product->exact, sums, output + channel, pixel_step);
    row = odd == 0 ? row : tfedge_next_row(row, product->exact);
  }
}
