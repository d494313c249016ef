/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_entropy_weights.h"

#define LEAST_STATE (UINT32_C(1) << 23)

TFEDGE_SHARED
tfedge_entropy_weights_reader tfedge_entropy_weights_start(
    const tfedge_entropy_weights_params *params) {
  tfedge_entropy_weights_reader reader = {params->bytes + 4, 0u};
  for (int32_t i = 3; i >= 0; i--) {
    reader.state = reader.state << 8 | (uint8_t)params->bytes[i];
  }
  return reader;
}

TFEDGE_SHARED
void tfedge_entropy_weights_read(const tfedge_entropy_weights_params *params,
                                 tfedge_entropy_weights_reader *reader, uint32_t *to,
                                 int32_t count) {
  const int8_t *next = reader->next;
  uint32_t state = reader->state;
  int8_t *const weights = (int8_t *)to;
  for (int32_t place = 0; place < count; place++) {
    const int32_t share = (int32_t)(state & (TFEDGE_ENTROPY_SHARES - 1u));
    const int16_t *begin = params->begins;
    while (share >= begin[1]) {
      begin++;
    }
    const uint32_t size = (uint32_t)(begin[1] - begin[0]);
    state = size * (state >> TFEDGE_ENTROPY_BITS) + (uint32_t)(share - begin[0]);
    while (state < LEAST_STATE) {
      state = state << 8 | (uint8_t)*next++;
    }
    weights[tfedge_weight_place(place, params->are_words)] = params->values[begin - params->begins];
  }
  reader->next = next;
  reader->state = state;
}
