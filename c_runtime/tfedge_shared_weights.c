/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_shared_weights.h"

/* Indices of four bits, eight a word: two words of weights at a time. */
static const int32_t *read_halves(const tfedge_shared_weights_params *params, const int32_t *next,
                                  uint32_t *to, int32_t count) {
  const uint8_t *const values = (const uint8_t *)params->values;
  const uint32_t *const end = to + count / 4;
  while (to < end) {
    const uint32_t word = (uint32_t)*next++;
    for (uint32_t half = 0; half < 2u; half++) {
      const uint32_t indices = word >> (16u * half);
      const uint32_t four = values[indices & 15u] | (uint32_t)values[indices >> 4 & 15u] << 8 |
                            (uint32_t)values[indices >> 8 & 15u] << 16 |
                            (uint32_t)values[indices >> 12 & 15u] << 24;
      *to++ = tfedge_four_weights(four, params->are_words);
    }
  }
  return next;
}

TFEDGE_SHARED
void tfedge_shared_weights_read(const tfedge_shared_weights_params *params,
                                tfedge_shared_weights_reader *reader, uint32_t *to, int32_t count) {
  if (params->bits == 4) {
    reader->next = read_halves(params, reader->next, to, count);
    return;
  }
  const int32_t *next = reader->next;
  const int8_t *const values = params->values;
  const int32_t bits = params->bits;
  const int32_t are_words = params->are_words;
  const int32_t per_word = 32 / bits;
  const uint32_t mask = (1u << bits) - 1u;
  int8_t *const weights = (int8_t *)to;
  int32_t place = 0;
  while (place < count) {
    const int32_t left = count - place;
    const int32_t end = place + (left < per_word ? left : per_word);
    uint32_t word = (uint32_t)*next++;
    for (; place < end; place++) {
      weights[tfedge_weight_place(place, are_words)] = values[word & mask];
      word >>= bits;
    }
  }
  reader->next = next;
}
