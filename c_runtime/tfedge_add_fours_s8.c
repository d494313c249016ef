/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_add_fours_s8.h"

TFEDGE_INLINE int8_t sum_of(const tfedge_add_fours_s8_params *params, int8_t a, int8_t b) {
  const int32_t sum = params->constant + a * params->a_factor + b * params->b_factor;
  return (int8_t)tfedge_saturate_int8(sum >> params->shift);
}

TFEDGE_SHARED
TFEDGE_KEEP_ORDER
void tfedge_add_fours_s8(const tfedge_add_fours_s8_params *params, const int8_t *a, const int8_t *b,
                         int8_t *output) {
  const tfedge_add_fours_s8_params local = *params; /* writes of bytes cannot change a copy */
  int32_t left = local.count;
  for (; left >= 4; left -= 4) {
    output[0] = sum_of(&local, a[0], b[0]);
    output[1] = sum_of(&local, a[1], b[1]);
    output[2] = sum_of(&local, a[2], b[2]);
    output[3] = sum_of(&local, a[3], b[3]);
    a += 4;
    b += 4;
    output += 4;
  }
  for (; left > 0; left--) {
    *output++ = sum_of(&local, *a++, *b++);
  }
}
