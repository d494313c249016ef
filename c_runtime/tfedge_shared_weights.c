/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_shared_weights.h"

TFEDGE_SHARED
void tfedge_shared_weights_read(const tfedge_shared_weights_params *params,
                                tfedge_shared_weights_reader *reader, uint32_t *to, int32_t count) {
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
