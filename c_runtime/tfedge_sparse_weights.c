/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_sparse_weights.h"

#include <string.h>

TFEDGE_INLINE int8_t next_value(const tfedge_sparse_weights_params *params,
                                tfedge_sparse_weights_reader *reader) {
  if (reader->left == 0) {
    reader->word = (uint32_t)*reader->next++;
    reader->left = 32 / params->bits;
  }
  const uint32_t code = reader->word & ((1u << params->bits) - 1u);
  reader->word >>= params->bits;
  reader->left--;
  return params->values != NULL ? params->values[code] : (int8_t)code;
}

TFEDGE_SHARED
void tfedge_sparse_weights_read(const tfedge_sparse_weights_params *params,
                                tfedge_sparse_weights_reader *reader, uint32_t *to, int32_t count) {
  tfedge_sparse_weights_reader at = *reader;
  int8_t *const weights = (int8_t *)to;
  memset(to, 0, (size_t)count);
  for (int32_t first = 0; first < count; first += 32) {
    uint32_t mask = (uint32_t)*at.mask++;
    int32_t place = first;
    while (mask != 0u) {
      if ((mask & 1u) != 0u) {
        weights[tfedge_weight_place(place, params->are_words)] = next_value(params, &at);
      }
      mask >>= 1;
      place++;
    }
  }
  *reader = at;
}
