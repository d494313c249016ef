/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_blocks_s8.h"

#include "tfedge_row_sums_s8.h"
#include "tfedge_two_sums.h"

#if TFEDGE_HAS_DSP

/* clang-format off */

/* A block: four products in ten instructions. */
#define BLOCK                              \
  "ldrb %[even], [%[gaps]], #1\n"          \
  "ldr %[odd], [%[words]], #4\n"           \
  "add %[values], %[values], %[even], lsl #2\n" \
  "ldr %[four], [%[values]], #4\n"         \
  "sxtb16 %[even], %[odd]\n"               \
  "sxtb16 %[odd], %[odd], ror #8\n"        \
  "sxtb16 %[pair], %[four]\n"              \
  "smlad %[sum], %[even], %[pair], %[sum]\n" \
  "sxtb16 %[four], %[four], ror #8\n"      \
  "smlad %[sum], %[odd], %[four], %[sum]\n"

/* clang-format on */

/* A channel's sum; returns the words of the next one. Compilers do not step pointers by loads. */
TFEDGE_INLINE const int32_t *add_blocks(const int32_t *words, const int8_t *gaps, int32_t count,
                                        const int8_t *values, int32_t *channel_sum) {
  const int32_t *const end = words + count;
  int32_t sum = *channel_sum;
  uint32_t even;
  uint32_t odd;
  uint32_t four;
  uint32_t pair;
  __asm__(
      "tst %[count], #1\n"
      "beq 2f\n" BLOCK
      "2: cmp %[words], %[end]\n"
      "beq 3f\n"
      "1:\n" BLOCK BLOCK
      "cmp %[words], %[end]\n"
      "bne 1b\n"
      "3:\n"
      : [sum] "+r"(sum), [values] "+r"(values), [words] "+r"(words), [gaps] "+r"(gaps),
        [even] "=&r"(even), [odd] "=&r"(odd), [four] "=&r"(four), [pair] "=&r"(pair)
      : [count] "r"(count), [end] "r"(end)
      : "memory", "cc");
  *channel_sum = sum;
  return words;
}

#else

TFEDGE_INLINE const int32_t *add_blocks(const int32_t *words, const int8_t *gaps, int32_t count,
                                        const int8_t *values, int32_t *channel_sum) {
  const int32_t *const end = words + count;
  int32_t sum = *channel_sum;
  while (words != end) {
    values += 4 * (uint8_t)*gaps++;
    sum += values[0] * tfedge_byte_of(words, 0) + values[1] * tfedge_byte_of(words, 1) +
           values[2] * tfedge_byte_of(words, 2) + values[3] * tfedge_byte_of(words, 3);
    values += 4;
    words++;
  }
  *channel_sum = sum;
  return words;
}

#endif

TFEDGE_SHARED
void tfedge_fully_connected_blocks_s8(const tfedge_fully_connected_blocks_s8_params *params,
                                      const int8_t *input, int8_t *output) {
  /* What is read here is not read again behind every output. */
  const int32_t exact = params->exact;
  const int32_t scale_words = params->scale_words;
  for (int32_t row = 0; row < params->rows; row++) {
    const int32_t *words = params->words;
    const int8_t *gaps = params->gaps;
    const int16_t *counts = params->counts;
    const int32_t *bias = params->bias;
    const int32_t *scales = params->scales;
    const int8_t *const end = output + params->channels;
    while (output != end) {
      const int32_t count = *counts++;
      int32_t sum = *bias++;
      words = add_blocks(words, gaps, count, input, &sum);
      gaps += count;
      *output++ = tfedge_row_result(sum, scales, exact);
      scales += scale_words;
    }
    input += params->depth;
  }
}
