/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_int4_s8.h"

#include "tfedge_row_sums_s8.h"
#include "tfedge_two_sums.h"

/* Sums of a byte's two channels, while its weights are what it is made of: `both` of the byte
 * itself, 16 * even + odd + 8, and `odd` of its lower half, odd + 8. */
typedef struct two_channels {
  int32_t both;
  int32_t odd;
} two_channels;

/* Four values times the weights of four channels, two words. */
#if TFEDGE_HAS_DSP

TFEDGE_INLINE void add_two_channels(two_channels *sums, uint32_t word, uint32_t even_values,
                                    uint32_t odd_values) {
  const uint32_t even = tfedge_even_bytes(word);
  const uint32_t odd = tfedge_odd_bytes(word);
  sums->both = tfedge_add_products(even, even_values, sums->both);
  sums->odd = tfedge_add_products(even & 0x000f000fu, even_values, sums->odd);
  sums->both = tfedge_add_products(odd, odd_values, sums->both);
  sums->odd = tfedge_add_products(odd & 0x000f000fu, odd_values, sums->odd);
}

TFEDGE_INLINE void add_values(two_channels *first, two_channels *second, const int32_t *weights,
                              const int8_t *values) {
  const uint32_t four = tfedge_load_four(values);
  const uint32_t even = tfedge_even_bytes(four);
  const uint32_t odd = tfedge_odd_bytes(four);
  add_two_channels(first, (uint32_t)weights[0], even, odd);
  add_two_channels(second, (uint32_t)weights[1], even, odd);
}

#else

TFEDGE_INLINE void add_two_channels(two_channels *sums, const int32_t *word, const int8_t *values) {
  for (int32_t i = 0; i < 4; i++) {
    const int32_t byte = tfedge_byte_of(word, i);
    sums->both += byte * values[i];
    sums->odd += (byte & 15) * values[i];
  }
}

TFEDGE_INLINE void add_values(two_channels *first, two_channels *second, const int32_t *weights,
                              const int8_t *values) {
  add_two_channels(first, weights, values);
  add_two_channels(second, weights + 1, values);
}

#endif

/* Four channels of one row; returns the weights of the next ones. */
TFEDGE_KEEP_ORDER static TFEDGE_APART const int32_t *sum_fours(const int8_t *input, int32_t depth,
                                                               const int32_t *weights,
                                                               two_channels sums[2]) {
  const int8_t *const end = input + depth;
  two_channels first = {0, 0};
  two_channels second = {0, 0};
  while (input != end) {
    add_values(&first, &second, weights, input);
    input += 4;
    weights += 2;
  }
  sums[0] = first;
  sums[1] = second;
  return weights;
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
      two_channels found[2];
      weights = sum_fours(input, params->depth, weights, found);
      const int32_t sums[4] = {(found[0].both - found[0].odd) >> 4, found[0].odd - eights,
                               (found[1].both - found[1].odd) >> 4, found[1].odd - eights};
      for (int32_t i = 0; i < 4 && four + i < params->channels; i++) {
        *output++ = tfedge_row_result(bias[i] + sums[i], scales, params->exact);
        scales += params->scale_words;
      }
    }
    input += params->depth;
  }
}
