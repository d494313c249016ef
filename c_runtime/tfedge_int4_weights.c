/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_int4_weights.h"

/* Bytes of 0 to 15 less 8 each: no byte borrows from the next one, whose highest bit is set. */
TFEDGE_INLINE uint32_t less_eight(uint32_t four) {
  return ((four | 0x80808080u) - 0x08080808u) ^ 0x80808080u;
}

TFEDGE_SHARED
void tfedge_int4_weights_read(const tfedge_int4_weights_params *params,
                              tfedge_int4_weights_reader *reader, uint32_t *to, int32_t count) {
  const int32_t *next = reader->next;
  const uint32_t *const end = to + count / 4;
  while (to < end) {
    const uint32_t eight = (uint32_t)*next++;
    *to++ = tfedge_four_weights(less_eight(eight & 0x0f0f0f0fu), params->are_words);
    *to++ = tfedge_four_weights(less_eight(eight >> 4 & 0x0f0f0f0fu), params->are_words);
  }
  reader->next = next;
}
