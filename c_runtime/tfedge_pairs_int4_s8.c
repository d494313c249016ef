/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_pairs_int4_s8.h"

#include "tfedge_four_bits.h"
#include "tfedge_four_sums.h"
#include "tfedge_pairs_assembly.h"

/* A byte of two weights is multiplied as it is, and so is its lower half: the sum of the former
 * less that of the latter is 16 times the even channel's, the latter less eight times the sum of
 * values is the odd one's. */

#if TFEDGE_HAS_DSP

/* Eight times the values of each of four pixels, added up, in front of the columns. */
static TFEDGE_APART void sum_eights(uint32_t *columns, int32_t pairs) {
  const uint32_t eights = 0x00080008u;
  int32_t sum0 = 0;
  int32_t sum1 = 0;
  int32_t sum2 = 0;
  int32_t sum3 = 0;
  int32_t *const sums = (int32_t *)columns - TFEDGE_PAIRS_INT4_WORDS;
  const uint32_t *const end = columns + 4 * pairs;
  while (columns != end) {
    sum0 = tfedge_add_products(columns[0], eights, sum0);
    sum1 = tfedge_add_products(columns[1], eights, sum1);
    sum2 = tfedge_add_products(columns[2], eights, sum2);
    sum3 = tfedge_add_products(columns[3], eights, sum3);
    columns += 4;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

/* clang-format off */

/* Two pairs of values of four pixels: 32 products in 26 instructions, all of four bytes. r2: bytes,
 * r3: their lower halves. The sums of bytes are in r4 to r7, those of halves in r8 to r11. */
#define PAIR_BYTES "52"
#define HALF                  \
  "ldrd r12, lr, [r0], #8\n"  \
  "and r3, r2, #0x000f000f\n" \
  "smlad r4, r2, r12, r4\n"   \
  "smlad r8, r3, r12, r8\n"   \
  "smlad r5, r2, lr, r5\n"    \
  "smlad r9, r3, lr, r9\n"    \
  "ldrd r12, lr, [r0], #8\n"  \
  "smlad r6, r2, r12, r6\n"   \
  "smlad r10, r3, r12, r10\n" \
  "smlad r7, r2, lr, r7\n"    \
  "smlad r11, r3, lr, r11\n"
#define TWO_PAIRS                 \
  "ldr.w r2, [r1]\n"              \
  "sxtb16 r2, r2\n"               \
  HALF                            \
  "ldr r2, [r1], #4\n"            \
  "sxtb16 r2, r2, ror #8\n"       \
  HALF

/* r2: the even channel's bias, which the sums have not, while the odd one's is in both. */
#define EVEN(both, half)            \
  "sub " both ", " both ", " half "\n" \
  "add " both ", r2, " both ", asr #4\n"

static TFEDGE_ASSEMBLY void multiply_four(const tfedge_pairs_s8_params *params
                                          __attribute__((unused)),
                                          const uint32_t *columns __attribute__((unused)),
                                          int8_t *output __attribute__((unused)),
                                          int32_t pixel_step __attribute__((unused))) {
  __asm__ volatile(
      PAIRS_ENTER
      "2: ldr r2, [sp, #" ROWS "]\n"
      "ldr r0, [sp, #" COLUMNS "]\n"
      "ldr r4, [r2, #4]\n"
      "mov r5, r4\n"
      "mov r6, r4\n"
      "mov r7, r4\n"
      "mov r8, r4\n"
      "mov r9, r4\n"
      "mov r10, r4\n"
      "mov r11, r4\n"
      "ldr pc, [sp, #" ENTRY "]\n"
      "7:\n"
      ".rept 4\n"
      TWO_PAIRS
      ".endr\n"
      "3: ldr r2, [sp, #" COLUMNS_END "]\n"
      "cmp r0, r2\n"
      "bne.w 7b\n"
      "ldr r0, [sp, #" ROWS "]\n"
      "ldr r3, [sp, #" COLUMNS "]\n"
      "ldr r2, [r0]\n"
      EVEN("r4", "r8") EVEN("r5", "r9") EVEN("r6", "r10") EVEN("r7", "r11")
      "ldrd r12, lr, [r3, #-16]\n"
      "sub r8, r8, r12\n"
      "sub r9, r9, lr\n"
      "ldrd r12, lr, [r3, #-8]\n"
      "sub r10, r10, r12\n"
      "sub r11, r11, lr\n"
      "ldr pc, [sp, #" REQUANTISE "]\n"

      PAIRS_LEAVE);
}

/* clang-format on */

TFEDGE_SHARED
void tfedge_pairs_int4_s8_four(const tfedge_pairs_s8_params *params, uint32_t *columns,
                               int8_t *output, int32_t pixel_step) {
  sum_eights(columns, params->pairs);
  multiply_four(params, columns, output, pixel_step);
}

#else

/* Weights of one channel as the words that tfedge_four_sums_add takes: 16 times the even channel's
 * bytes are no int8, so that its halves are cut out instead, which have a sign. */
TFEDGE_INLINE int32_t even_weights(int32_t word) {
  return (int32_t)tfedge_less_eight(tfedge_upper_halves((uint32_t)word) ^ 0x08080808u);
}

TFEDGE_INLINE int32_t odd_weights(int32_t word) {
  return (int32_t)tfedge_less_eight(tfedge_lower_halves((uint32_t)word));
}

TFEDGE_INLINE void add_channel(tfedge_four_sums *sums, const uint32_t *columns, int32_t weights) {
  tfedge_four_sums_add(sums, columns, &weights, 0);
  tfedge_four_sums_add(sums, columns + 4, &weights, 1);
}

static TFEDGE_APART void sum_channels_of_bytes(const tfedge_pairs_s8_params *params,
                                               const uint32_t *columns, const int32_t *weights,
                                               int32_t sums[2][4]) {
  const uint32_t *const end = columns + 4 * params->pairs;
  tfedge_four_sums even = tfedge_four_sums_start(params->pairs);
  tfedge_four_sums odd = even;
  do {
    add_channel(&even, columns, even_weights(*weights));
    add_channel(&odd, columns, odd_weights(*weights));
    columns += 8;
    weights++;
  } while (columns != end);
  tfedge_four_sums_finish(&even, sums[0]);
  tfedge_four_sums_finish(&odd, sums[1]);
}

TFEDGE_SHARED
void tfedge_pairs_int4_s8_four(const tfedge_pairs_s8_params *params, uint32_t *columns,
                               int8_t *output, int32_t pixel_step) {
  const int32_t *row = params->rows;
  const int32_t *weights = params->weights;
  for (int32_t channel = 0; channel < params->channels; channel += 2) {
    int32_t sums[2][4];
    sum_channels_of_bytes(params, columns, weights, sums);
    row = tfedge_requantize_two_channels(row, params->exact, sums[0], sums[1], output + channel,
                                         pixel_step);
    weights += params->pairs / 2;
  }
}

#endif
