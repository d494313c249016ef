/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_int4_weights.h"

#include "tfedge_four_bits.h"

TFEDGE_SHARED
void tfedge_int4_weights_read(const tfedge_int4_weights_params *params,
                              tfedge_int4_weights_reader *reader, uint32_t *to, int32_t count) {
  const int32_t *next = reader->next;
  const uint32_t *const end = to + count / 4;
  while (to < end) {
    const uint32_t eight = (uint32_t)*next++;
    *to++ = tfedge_four_weights(tfedge_less_eight(tfedge_lower_halves(eight)), params->are_words);
    *to++ = tfedge_four_weights(tfedge_less_eight(tfedge_upper_halves(eight)), params->are_words);
  }
  reader->next = next;
}
