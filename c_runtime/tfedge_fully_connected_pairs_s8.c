/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_pairs_s8.h"

#include "tfedge_row_sums_s8.h"
#include "tfedge_two_sums.h"

#if TFEDGE_HAS_DSP

/* clang-format off */

/* The product of four values with four channels: 16 products in 20 instructions. r0: values, r1:
 * weights, r4 to r7: sums; lr, the end of the values, is kept. That is every register, so that the
 * function is naked, and the same at every level of optimisation. */
#define FOUR_BYTES "80"
#define CHANNEL(sum, word)              \
  "sxtb16 r12, " word "\n"              \
  "sxtb16 " word ", " word ", ror #8\n" \
  "smlad " sum ", r12, r2, " sum "\n"   \
  "smlad " sum ", " word ", r3, " sum "\n"
#define FOUR                      \
  "ldr r3, [r0], #4\n"            \
  "ldm r1!, {r8, r9, r10, r11}\n" \
  "sxtb16 r2, r3\n"               \
  "sxtb16 r3, r3, ror #8\n"       \
  CHANNEL("r4", "r8")             \
  CHANNEL("r5", "r9")             \
  CHANNEL("r6", "r10")            \
  CHANNEL("r7", "r11")

/* tfedge_requantize_exactly and tfedge_requantize_by_steps; r0: scales, r8: from one channel's to
 * the next one's, r9: output. */
#define EXACT(sum)                   \
  "ldm r0, {r2, r3, r10}\n"          \
  "add r0, r0, r8\n"                 \
  "lsl r11, " sum ", #1\n"           \
  "smmlar r11, r11, r2, r3\n"        \
  "add r11, r11, " sum ", asr #31\n" \
  "asr r11, r11, r10\n"              \
  "ssat r11, #8, r11\n"              \
  "strb r11, [r9], #1\n"
#define BY_STEPS(sum)                     \
  "ldrd r2, r3, [r0]\n"                   \
  "add r0, r0, r8\n"                      \
  "smmla " sum ", " sum ", r2, r3\n"      \
  "ssat " sum ", #8, " sum ", asr #1\n"   \
  "strb " sum ", [r9], #1\n"

/* On the stack: */
#define VALUES "0"
#define ENTRY "4" /* where the loop is entered */
#define BIAS "8"
#define SCALES "12"
#define SCALE_STEP "16" /* in bytes */
#define OUTPUT "20"
#define LEFT "24" /* groups that are left */
#define REQUANTISE "28" /* which of the two ways */
#define FRAME "32"

/* Computes groups of four channels of one row. */
static TFEDGE_ASSEMBLY void fours(const tfedge_fully_connected_pairs_s8_params *params
                                  __attribute__((unused)),
                                  const int8_t *input __attribute__((unused)),
                                  int8_t *output __attribute__((unused)),
                                  int32_t groups __attribute__((unused))) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "sub sp, sp, #" FRAME "\n"
      "add r0, r0, #4\n"
      "ldm r0, {r4, r5, r6, r7, r8, r9, r10}\n" /* depth and the fields behind it */
      "str r1, [sp, #" VALUES "]\n"
      "add lr, r1, r4\n"
      "str r9, [sp, #" BIAS "]\n"
      "str r10, [sp, #" SCALES "]\n"
      "lsl r7, r7, #2\n"
      "str r7, [sp, #" SCALE_STEP "]\n"
      "str r2, [sp, #" OUTPUT "]\n"
      "str r3, [sp, #" LEFT "]\n"
      "mov r1, r8\n"
      /* Four times four values a turn; the first turn has what is left over by fours. */
      "lsr r4, r4, #2\n"
      "sub r4, r4, #1\n"
      "and r4, r4, #3\n"
      "add r4, r4, #1\n"
      "mov r9, #" FOUR_BYTES "\n"
      "mul r4, r4, r9\n"
      "adr.w r9, 3f\n"
      "sub r9, r9, r4\n"
      "orr r9, r9, #1\n"
      "str r9, [sp, #" ENTRY "]\n"
      "adr.w r9, 4f\n"
      "cmp r6, #0\n"
      "beq 1f\n"
      "adr.w r9, 5f\n"
      "1: orr r9, r9, #1\n"
      "str r9, [sp, #" REQUANTISE "]\n"

      "2: ldr r8, [sp, #" BIAS "]\n"
      "ldr r0, [sp, #" VALUES "]\n"
      "ldm r8!, {r4, r5, r6, r7}\n"
      "str r8, [sp, #" BIAS "]\n"
      "ldr pc, [sp, #" ENTRY "]\n"
      "7:\n"
      ".rept 4\n"
      FOUR
      ".endr\n"
      "3: cmp r0, lr\n"
      "bne.w 7b\n"
      "ldr r0, [sp, #" SCALES "]\n"
      "ldr r8, [sp, #" SCALE_STEP "]\n"
      "ldr r9, [sp, #" OUTPUT "]\n"
      "ldr pc, [sp, #" REQUANTISE "]\n"

      "4:\n"
      BY_STEPS("r4") BY_STEPS("r5") BY_STEPS("r6") BY_STEPS("r7")
      "b 6f\n"

      "5:\n"
      EXACT("r4") EXACT("r5") EXACT("r6") EXACT("r7")

      "6: str r0, [sp, #" SCALES "]\n"
      "str r9, [sp, #" OUTPUT "]\n"
      "ldr r2, [sp, #" LEFT "]\n"
      "subs r2, r2, #1\n"
      "str r2, [sp, #" LEFT "]\n"
      "bne.w 2b\n"
      "add sp, sp, #" FRAME "\n"
      "pop {r4-r11, pc}\n");
}

/* clang-format on */

#else

/* The same on the same words, for every other processor. */

TFEDGE_INLINE int32_t add_four(int32_t sum, const int32_t values[4], const int32_t *weights) {
  const int32_t weight0 = tfedge_byte_of(weights, 0);
  const int32_t weight1 = tfedge_byte_of(weights, 1);
  const int32_t weight2 = tfedge_byte_of(weights, 2);
  const int32_t weight3 = tfedge_byte_of(weights, 3);
#if TFEDGE_IS_BASELINE /* with no register for a sum, and no instruction that adds to one */
  return sum +
         (values[0] * weight0 + values[1] * weight1 + values[2] * weight2 + values[3] * weight3);
#else
  return sum + values[3] * weight3 + values[0] * weight0 + values[1] * weight1 +
         values[2] * weight2;
#endif
}

/* Four channels; returns the weights of the next ones. */
TFEDGE_KEEP_ORDER static TFEDGE_APART const int32_t *sum_four(const int8_t *input, int32_t depth,
                                                              const int32_t *weights,
                                                              const int32_t bias[4],
                                                              int32_t sums[4]) {
  const int8_t *const end = input + depth;
  int32_t sum0 = bias[0];
  int32_t sum1 = bias[1];
  int32_t sum2 = bias[2];
  int32_t sum3 = bias[3];
  for (; input != end; input += 4) {
    const int32_t values[4] = {input[0], input[1], input[2], input[3]};
    sum0 = add_four(sum0, values, weights);
    sum1 = add_four(sum1, values, weights + 1);
    sum2 = add_four(sum2, values, weights + 2);
    sum3 = add_four(sum3, values, weights + 3);
    weights += 4;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
  return weights;
}

static void fours(const tfedge_fully_connected_pairs_s8_params *params, const int8_t *input,
                  int8_t *output, int32_t groups) {
  const int32_t *weights = params->weights;
  const int32_t *bias = params->bias;
  const int32_t *scale = params->scales;
  for (int32_t group = 0; group < groups; group++) {
    int32_t sums[4];
    weights = sum_four(input, params->depth, weights, bias, sums);
    scale = tfedge_row_results(sums, 4, scale, params->scale_words, params->exact, output);
    output += 4;
    bias += 4;
  }
}

#endif

/* The last channels % 4 of a row. */
static void last_channels(const tfedge_fully_connected_pairs_s8_params *params, const int8_t *input,
                          int8_t *output) {
  const int32_t whole = params->channels / 4 * 4;
  tfedge_fully_connected_pairs_s8_params last = *params;
  int8_t results[4];
  last.weights += whole / 4 * params->depth;
  last.bias += whole;
  last.scales += whole * params->scale_words;
  fours(&last, input, results, 1);
  memcpy(output + whole, results, (size_t)(params->channels - whole));
}

TFEDGE_SHARED
void tfedge_fully_connected_pairs_s8(const tfedge_fully_connected_pairs_s8_params *params,
                                     const int8_t *input, int8_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    if (params->channels >= 4) {
      fours(params, input, output, params->channels / 4);
    }
    if (params->channels % 4 != 0) {
      last_channels(params, input, output);
    }
    input += params->depth;
    output += params->channels;
  }
}
