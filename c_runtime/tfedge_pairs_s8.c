/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_pairs_s8.h"

#include "tfedge_four_sums.h"
#include "tfedge_pairs_assembly.h"

#if TFEDGE_HAS_DSP

/* clang-format off */

/* The product of one pair of values of four pixels with two channels: 16 products in 13
 * instructions. r0: columns, r1: weights; r4 to r7: the even channel's sums, r8 to r11: the odd
 * one's; the rest is for a moment. With the stack pointer that is every register, which no compiler
 * can be relied on to give: the function is naked, and the same at every level of optimisation. */
#define PAIR_BYTES "52"
#define PAIR                  \
  "ldr r2, [r1], #4\n"        \
  "ldrd r12, lr, [r0], #8\n"  \
  "sxtb16 r3, r2, ror #8\n"   \
  "sxtb16 r2, r2\n"           \
  "smlad r4, r2, r12, r4\n"   \
  "smlad r8, r3, r12, r8\n"   \
  "smlad r5, r2, lr, r5\n"    \
  "smlad r9, r3, lr, r9\n"    \
  "ldrd r12, lr, [r0], #8\n"  \
  "smlad r6, r2, r12, r6\n"   \
  "smlad r10, r3, r12, r10\n" \
  "smlad r7, r2, lr, r7\n"    \
  "smlad r11, r3, lr, r11\n"

TFEDGE_SHARED
TFEDGE_ASSEMBLY void tfedge_pairs_s8_four(const tfedge_pairs_s8_params *params
                                          __attribute__((unused)),
                                          const uint32_t *columns __attribute__((unused)),
                                          int8_t *output __attribute__((unused)),
                                          int32_t pixel_step __attribute__((unused))) {
  __asm__ volatile(
      PAIRS_ENTER
      "2: ldr r2, [sp, #" ROWS "]\n"
      "ldr r0, [sp, #" COLUMNS "]\n"
      "ldrd r4, r8, [r2]\n"
      "mov r5, r4\n"
      "mov r6, r4\n"
      "mov r7, r4\n"
      "mov r9, r8\n"
      "mov r10, r8\n"
      "mov r11, r8\n"
      "ldr pc, [sp, #" ENTRY "]\n"
      "7:\n"
      ".rept 8\n"
      PAIR
      ".endr\n"
      "3: ldr r2, [sp, #" COLUMNS_END "]\n"
      "cmp r0, r2\n"
      "bne.w 7b\n"
      "ldr r0, [sp, #" ROWS "]\n"
      "ldr pc, [sp, #" REQUANTISE "]\n"

      PAIRS_LEAVE);
}

/* clang-format on */

TFEDGE_SHARED
TFEDGE_KEEP_ORDER
uint32_t *tfedge_pairs_s8_widen(uint32_t *columns, const int8_t *pixel0, const int8_t *pixel1,
                                const int8_t *pixel2, const int8_t *pixel3, int32_t count) {
  const int8_t *const end = pixel0 + count;
  while (pixel0 != end) {
    uint32_t a = tfedge_load_four(pixel0);
    uint32_t b = tfedge_load_four(pixel1);
    columns[0] = tfedge_even_bytes(a);
    columns[1] = tfedge_even_bytes(b);
    columns[4] = tfedge_odd_bytes(a);
    columns[5] = tfedge_odd_bytes(b);
    a = tfedge_load_four(pixel2);
    b = tfedge_load_four(pixel3);
    columns[2] = tfedge_even_bytes(a);
    columns[3] = tfedge_even_bytes(b);
    columns[6] = tfedge_odd_bytes(a);
    columns[7] = tfedge_odd_bytes(b);
    pixel0 += 4;
    pixel1 += 4;
    pixel2 += 4;
    pixel3 += 4;
    columns += 8;
  }
  return columns;
}

#else

/* The same on the same weights, for every other processor. A column's word has a value of two
 * pixels, first + second * 2^16, and so one multiplication has two products: [pairs][2 values]
 * [2 twos of pixels]. */

#if defined(__arm__)

/* One channel after the other, each by a function of its own, for which registers suffice. */

TFEDGE_INLINE void sum_channel(const tfedge_pairs_s8_params *params, const uint32_t *columns,
                               const int32_t *weights, int32_t odd, int32_t sums[4]) {
  const uint32_t *const end = columns + 4 * params->pairs;
  tfedge_four_sums found = tfedge_four_sums_start(params->pairs);
  do {
    tfedge_four_sums_add(&found, columns, weights, odd);
    tfedge_four_sums_add(&found, columns + 4, weights + 1, odd);
    columns += 8;
    weights += 2;
  } while (columns != end);
  tfedge_four_sums_finish(&found, sums);
}

TFEDGE_KEEP_ORDER static TFEDGE_APART void sum_even_channel(const tfedge_pairs_s8_params *params,
                                                            const uint32_t *columns,
                                                            const int32_t *weights,
                                                            int32_t sums[4]) {
  sum_channel(params, columns, weights, 0, sums);
}

TFEDGE_KEEP_ORDER static TFEDGE_APART void sum_odd_channel(const tfedge_pairs_s8_params *params,
                                                           const uint32_t *columns,
                                                           const int32_t *weights,
                                                           int32_t sums[4]) {
  sum_channel(params, columns, weights, 1, sums);
}

static void sum_two_channels(const tfedge_pairs_s8_params *params, const uint32_t *columns,
                             const int32_t *weights, int32_t sums[2][4]) {
  sum_even_channel(params, columns, weights, sums[0]);
  sum_odd_channel(params, columns, weights, sums[1]);
}

#else

/* Both at once: columns are loaded once. */
static TFEDGE_APART void sum_two_channels(const tfedge_pairs_s8_params *params,
                                          const uint32_t *columns, const int32_t *weights,
                                          int32_t sums[2][4]) {
  const uint32_t *const end = columns + 4 * params->pairs;
  tfedge_four_sums even = tfedge_four_sums_start(params->pairs);
  tfedge_four_sums odd = even;
  do {
    tfedge_four_sums_add(&even, columns, weights, 0);
    tfedge_four_sums_add(&odd, columns, weights, 1);
    columns += 4;
    weights++;
  } while (columns != end);
  tfedge_four_sums_finish(&even, sums[0]);
  tfedge_four_sums_finish(&odd, sums[1]);
}

#endif

TFEDGE_SHARED
void tfedge_pairs_s8_four(const tfedge_pairs_s8_params *params, const uint32_t *columns,
                          int8_t *output, int32_t pixel_step) {
  const int32_t *row = params->rows;
  const int32_t *weights = params->weights;
  for (int32_t channel = 0; channel < params->channels; channel += 2) {
    int32_t sums[2][4];
    sum_two_channels(params, columns, weights, sums);
    row = tfedge_requantize_two_channels(row, params->exact, sums[0], sums[1], output + channel,
                                         pixel_step);
    weights += params->pairs;
  }
}

TFEDGE_INLINE uint32_t two_of(int8_t first, int8_t second) {
  return (uint32_t)first + ((uint32_t)second << 16);
}

TFEDGE_SHARED
uint32_t *tfedge_pairs_s8_widen(uint32_t *columns, const int8_t *pixel0, const int8_t *pixel1,
                                const int8_t *pixel2, const int8_t *pixel3, int32_t count) {
  for (int32_t value = 0; value < count; value += 4) {
    for (int32_t i = 0; i < 2; i++) {
      columns[0] = two_of(pixel0[value + i], pixel1[value + i]);
      columns[1] = two_of(pixel2[value + i], pixel3[value + i]);
      columns[2] = two_of(pixel0[value + i + 2], pixel1[value + i + 2]);
      columns[3] = two_of(pixel2[value + i + 2], pixel3[value + i + 2]);
      columns += 4;
    }
  }
  return columns;
}

#endif
