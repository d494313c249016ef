/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_pairs_s8.h"

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

static int32_t product_of_four(const int8_t *values, uint32_t weights) {
  return values[0] * (int8_t)(uint8_t)weights + values[1] * (int8_t)(uint8_t)(weights >> 8) +
         values[2] * (int8_t)(uint8_t)(weights >> 16) +
         values[3] * (int8_t)(uint8_t)(weights >> 24);
}

static void fours(const tfedge_fully_connected_pairs_s8_params *params, const int8_t *input,
                  int8_t *output, int32_t groups) {
  for (int32_t channel = 0; channel < 4 * groups; channel++) {
    const int32_t *const weights = params->weights + channel / 4 * params->depth + channel % 4;
    const int32_t *const scale = params->scales + channel * params->scale_words;
    int32_t sum = params->bias[channel];
    for (int32_t k = 0; k < params->depth; k += 4) {
      sum += product_of_four(input + k, (uint32_t)weights[k]);
    }
    output[channel] =
        (int8_t)(params->exact ? tfedge_requantize_exactly(sum, scale[0], scale[1], scale[2])
                               : tfedge_requantize_by_steps(sum, scale[0], scale[1]));
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
