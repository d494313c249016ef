/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_blocks_s8.h"

#include "tfedge_row_sums_s8.h"
#include "tfedge_two_sums.h"

/* The sum of a value's four products and those of the block's other values. */
TFEDGE_INLINE int32_t add_block(int32_t sum, const int8_t *values, const int32_t *word) {
#if TFEDGE_HAS_DSP
  const uint32_t four = tfedge_load_four(values);
  const uint32_t weights = (uint32_t)*word;
  sum = tfedge_add_products(tfedge_even_bytes(four), tfedge_even_bytes(weights), sum);
  return tfedge_add_products(tfedge_odd_bytes(four), tfedge_odd_bytes(weights), sum);
#else
  return sum + values[0] * tfedge_byte_of(word, 0) + values[1] * tfedge_byte_of(word, 1) +
         values[2] * tfedge_byte_of(word, 2) + values[3] * tfedge_byte_of(word, 3);
#endif
}

TFEDGE_SHARED
void tfedge_fully_connected_blocks_s8(const tfedge_fully_connected_blocks_s8_params *params,
                                      const int8_t *input, int8_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    const int32_t *word = params->words;
    const int8_t *step = params->steps;
    const int32_t *scales = params->scales;
    for (int32_t channel = 0; channel < params->channels; channel++) {
      const int32_t *const end = word + params->counts[channel];
      const int8_t *values = input;
      int32_t sum = params->bias[channel];
      while (word != end) {
        values += 4 * (uint8_t)*step++;
        sum = add_block(sum, values, word++);
      }
      *output++ = tfedge_row_result(sum, scales, params->exact);
      scales += params->scale_words;
    }
    input += params->depth;
  }
}
