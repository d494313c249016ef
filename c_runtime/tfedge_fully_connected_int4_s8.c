/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_int4_s8.h"

#include "tfedge_row_sums_s8.h"

/* Of so many values, the sums of products with halves of words stay within 32 bits. */
#define MOST_VALUES 508

/* Sums of values times what is left of halves of words without their highest weights: with all four
 * channels, the last three, two, one. Differences of neighbours are the channels' own. */
typedef struct nested_sums {
  int32_t all;
  int32_t three;
  int32_t two;
  int32_t one;
} nested_sums;

#if TFEDGE_HAS_DSP

/* clang-format off */

/* The halves of a word times a pair of values. */
#define PAIR(word, values)                        \
  "smlad %[all], " word ", " values ", %[all]\n"  \
  "bic %[cut], " word ", #0xf000f000\n"           \
  "smlad %[three], %[cut], " values ", %[three]\n"\
  "and %[cut], " word ", #0x00ff00ff\n"           \
  "smlad %[two], %[cut], " values ", %[two]\n"    \
  "and %[cut], " word ", #0x000f000f\n"           \
  "smlad %[one], %[cut], " values ", %[one]\n"

/* Four values: 16 products in 18 instructions. */
#define FOUR                                      \
  "ldr %[odd], [%[values]], #4\n"                 \
  "ldrd %[first], %[second], [%[weights]], #8\n"  \
  "sxtb16 %[even], %[odd]\n"                      \
  "sxtb16 %[odd], %[odd], ror #8\n"               \
  PAIR("%[first]", "%[even]")                     \
  PAIR("%[second]", "%[odd]")

/* Turns of so many fours, as text, until the values end. Compilers do not step both pointers by
 * loads. */
#define ADD_FOURS(a_turn)                                                                       \
  __asm__("1:\n.rept " a_turn "\n" FOUR ".endr\n"                                               \
          "cmp %[values], %[end]\n"                                                             \
          "bne.w 1b\n"                                                                          \
          : [all] "+r"(sums->all), [three] "+r"(sums->three), [two] "+r"(sums->two),            \
            [one] "+r"(sums->one), [values] "+r"(values), [weights] "+r"(weights),              \
            [even] "=&r"(even), [odd] "=&r"(odd), [first] "=&r"(first), [second] "=&r"(second), \
            [cut] "=&r"(cut)                                                                    \
          : [end] "r"(end)                                                                      \
          : "memory", "cc")

/* clang-format on */

TFEDGE_INLINE const int32_t *add_products(nested_sums *sums, const int32_t *weights,
                                          const int8_t *values, int32_t count) {
  uint32_t even;
  uint32_t odd;
  uint32_t first;
  uint32_t second;
  uint32_t cut;
  const int32_t rest = count % 16;
  const int8_t *end = values + rest;
  if (rest != 0) {
    ADD_FOURS("1");
  }
  if (count != rest) {
    end += count - rest;
    ADD_FOURS("4");
  }
  return weights;
}

#else

TFEDGE_INLINE void add_half(nested_sums *sums, int32_t half, int32_t value) {
  sums->all += half * value;
  sums->three += (half & 0xfff) * value;
  sums->two += (half & 0xff) * value;
  sums->one += (half & 0xf) * value;
}

TFEDGE_INLINE void add_pair(nested_sums *sums, uint32_t word, int32_t low, int32_t high) {
  add_half(sums, (int16_t)(uint16_t)word, low);
  add_half(sums, (int16_t)(uint16_t)(word >> 16), high);
}

TFEDGE_INLINE const int32_t *add_products(nested_sums *sums, const int32_t *weights,
                                          const int8_t *values, int32_t count) {
  const int8_t *const end = values + count;
  while (values != end) {
    add_pair(sums, (uint32_t)weights[0], values[0], values[2]);
    add_pair(sums, (uint32_t)weights[1], values[1], values[3]);
    values += 4;
    weights += 2;
  }
  return weights;
}

#endif

/* Adds the products of up to MOST_VALUES values with four channels, whose last three have 8 times
 * the values too much; returns the weights of the next values. */
TFEDGE_KEEP_ORDER static TFEDGE_APART const int32_t *add_values(const int8_t *values, int32_t count,
                                                                const int32_t *weights,
                                                                int32_t sums[4]) {
  nested_sums nested = {0, 0, 0, 0};
  weights = add_products(&nested, weights, values, count);
  sums[0] += (nested.all - nested.three) >> 12;
  sums[1] += (nested.three - nested.two) >> 8;
  sums[2] += (nested.two - nested.one) >> 4;
  sums[3] += nested.one;
  return weights;
}

/* The same for all values of a row. */
TFEDGE_INLINE const int32_t *add_row(const int8_t *values, int32_t depth, const int32_t *weights,
                                     int32_t sums[4]) {
  while (depth > MOST_VALUES) {
    weights = add_values(values, MOST_VALUES, weights, sums);
    values += MOST_VALUES;
    depth -= MOST_VALUES;
  }
  return add_values(values, depth, weights, sums);
}

TFEDGE_SHARED
void tfedge_fully_connected_int4_s8(const tfedge_fully_connected_int4_s8_params *params,
                                    const int8_t *input, int8_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    const int32_t *weights = params->weights;
    const int32_t *scales = params->scales;
    int32_t eights = 0;
    for (int32_t k = 0; k < params->depth; k++) {
      eights += 8 * input[k];
    }
    for (int32_t four = 0; four < params->channels; four += 4) {
      const int32_t *const bias = params->bias + four;
      int32_t sums[4] = {bias[0], bias[1] - eights, bias[2] - eights, bias[3] - eights};
      weights = add_row(input, params->depth, weights, sums);
      const int32_t left = params->channels - four;
      const int32_t count = left < 4 ? left : 4;
      scales = tfedge_row_results(sums, count, scales, params->scale_words, params->exact, output);
      output += count;
    }
    input += params->depth;
  }
}
