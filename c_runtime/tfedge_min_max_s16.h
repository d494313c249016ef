/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_MIN_MAX_S16_H
#define TFEDGE_MIN_MAX_S16_H

#include "tfedge_broadcast_s16.h"

/* MAXIMUM and MINIMUM on int16 of one scale, with broadcasting. No arithmetic. */
typedef struct tfedge_min_max_s16_params {
  tfedge_broadcast shape;
  int32_t largest; /* 1: the larger operand, 0: the smaller */
} tfedge_min_max_s16_params;

TFEDGE_INLINE int16_t tfedge_min_max_s16_element(const void *opaque, int16_t a, int16_t b) {
  const tfedge_min_max_s16_params *const params = (const tfedge_min_max_s16_params *)opaque;
  return params->largest ? (a > b ? a : b) : (a < b ? a : b);
}

TFEDGE_INLINE void tfedge_min_max_s16_inline(const tfedge_min_max_s16_params *params,
                                             const int16_t *a, const int16_t *b, int16_t *output) {
  const tfedge_min_max_s16_params local = *params; /* writes of results cannot change a copy */
  tfedge_broadcast_s16(&local.shape, &local, tfedge_min_max_s16_element, a, b, output);
}

void tfedge_min_max_s16(const tfedge_min_max_s16_params *params, const int16_t *a, const int16_t *b,
                        int16_t *output);

#endif
