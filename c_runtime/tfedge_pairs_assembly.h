/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_PAIRS_ASSEMBLY_H
#define TFEDGE_PAIRS_ASSEMBLY_H

#include "tfedge_dsp.h"

/* What products of four columns with all channels share on cores with the DSP extension, in
 * assembly, because they need every register. r0: columns, r1: weights; r4 to r7: the even
 * channel's sums, r8 to r11: the odd one's; the rest is for a moment. */

#if TFEDGE_HAS_DSP

/* clang-format off */

/* tfedge_requantize_exactly, r2: multiplier, r3: addend, r12: shift. */
#define EXACT(sum)                 \
  "lsl lr, " sum ", #1\n"          \
  "smmlar lr, lr, r2, r3\n"        \
  "add lr, lr, " sum ", asr #31\n" \
  "asr lr, lr, r12\n"              \
  "ssat " sum ", #8, lr\n"

/* tfedge_requantize_by_steps, in two parts. */
#define SCALE(sum) "smmla " sum ", " sum ", r2, r3\n"
#define HALVE(sum) "ssat " sum ", #8, " sum ", asr #1\n"

/* On the stack: */
#define COLUMNS "0"
#define COLUMNS_END "4"
#define ENTRY "8" /* where the loop is entered */
#define ROWS "12"
#define OUTPUT "16"
#define OUTPUT_END "20"
#define PIXEL_STEP "24"
#define REQUANTISE "28" /* which of the two ways */
#define FRAME "32"

/* From the arguments to the loop over pairs of channels. That computes eight pairs of values a turn,
 * and is entered where the first turn has what is left over by eights; PAIR_BYTES: what the code of
 * a pair takes. */
#define PAIRS_ENTER \
  "push {r4-r11, lr}\n" \
  "sub sp, sp, #" FRAME "\n" \
  "ldm r0, {r4, r5, r6, r7, r8}\n" \
  "str r1, [sp, #" COLUMNS "]\n" \
  "add r9, r1, r4, lsl #4\n" \
  "str r9, [sp, #" COLUMNS_END "]\n" \
  "str r8, [sp, #" ROWS "]\n" \
  "str r2, [sp, #" OUTPUT "]\n" \
  "add r9, r2, r5\n" \
  "str r9, [sp, #" OUTPUT_END "]\n" \
  "str r3, [sp, #" PIXEL_STEP "]\n" \
  "mov r1, r7\n" \
  "subs r4, r4, #1\n" \
  "and r4, r4, #7\n" \
  "add r4, r4, #1\n" \
  "mov r9, #" PAIR_BYTES "\n" \
  "mul r4, r4, r9\n" \
  "adr.w r9, 3f\n" \
  "sub r9, r9, r4\n" \
  "orr r9, r9, #1\n" \
  "str r9, [sp, #" ENTRY "]\n" \
  "adr.w r9, 4f\n" \
  "cmp r6, #0\n" \
  "beq 1f\n" \
  "adr.w r9, 5f\n" \
  "1: orr r9, r9, #1\n" \
  "str r9, [sp, #" REQUANTISE "]\n"

/* From sums to the outputs of two channels, which are stored at once, and on to the next ones. */
#define PAIRS_LEAVE \
  "4: ldrd r2, r3, [r0, #8]\n" \
  SCALE("r4") SCALE("r5") SCALE("r6") SCALE("r7") \
  "ldrd r2, r3, [r0, #16]\n" \
  SCALE("r8") SCALE("r9") SCALE("r10") SCALE("r11") \
  HALVE("r4") HALVE("r5") HALVE("r6") HALVE("r7") \
  HALVE("r8") HALVE("r9") HALVE("r10") HALVE("r11") \
  "add r0, r0, #24\n" \
  "b 6f\n" \
  "5: ldrd r2, r3, [r0, #8]\n" \
  "ldr r12, [r0, #24]\n" \
  EXACT("r4") EXACT("r5") EXACT("r6") EXACT("r7") \
  "ldrd r2, r3, [r0, #16]\n" \
  "ldr r12, [r0, #28]\n" \
  EXACT("r8") EXACT("r9") EXACT("r10") EXACT("r11") \
  "add r0, r0, #32\n" \
  "6: str r0, [sp, #" ROWS "]\n" \
  "ldr r12, [sp, #" OUTPUT "]\n" \
  "ldr lr, [sp, #" PIXEL_STEP "]\n" \
  "bfi r4, r8, #8, #8\n" \
  "bfi r5, r9, #8, #8\n" \
  "bfi r6, r10, #8, #8\n" \
  "bfi r7, r11, #8, #8\n" \
  "add r0, r12, lr\n" \
  "strh r5, [r12, lr]\n" \
  "strh r6, [r12, lr, lsl #1]\n" \
  "strh r7, [r0, lr, lsl #1]\n" \
  "strh r4, [r12], #2\n" \
  "ldr r2, [sp, #" OUTPUT_END "]\n" \
  "str r12, [sp, #" OUTPUT "]\n" \
  "cmp r12, r2\n" \
  "bne.w 2b\n" \
  "add sp, sp, #" FRAME "\n" \
  "pop {r4-r11, pc}\n"

/* clang-format on */

#endif

#endif
