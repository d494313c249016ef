/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_MIN_MAX_S8_H
#define TFEDGE_MIN_MAX_S8_H

#include "tfedge_broadcast.h"

/* MAXIMUM and MINIMUM on int8 of one scale and zero point, LOGICAL_OR and LOGICAL_AND on bytes 0
 * and 1; with broadcasting. No arithmetic. */
typedef struct tfedge_min_max_s8_params {
  tfedge_broadcast shape;
  int32_t largest; /* 1: the larger operand, 0: the smaller */
} tfedge_min_max_s8_params;

TFEDGE_INLINE int8_t tfedge_min_max_s8_element(const void *opaque, int8_t a, int8_t b) {
  const tfedge_min_max_s8_params *const params = (const tfedge_min_max_s8_params *)opaque;
  return params->largest ? (a > b ? a : b) : (a < b ? a : b);
}

TFEDGE_INLINE void tfedge_min_max_s8_inline(const tfedge_min_max_s8_params *params, const int8_t *a,
                                            const int8_t *b, int8_t *output) {
  const tfedge_min_max_s8_params local = *params; /* writes of bytes cannot change a copy */
  tfedge_broadcast_s8(&local.shape, &local, tfedge_min_max_s8_element, a, b, output);
}

void tfedge_min_max_s8(const tfedge_min_max_s8_params *params, const int8_t *a, const int8_t *b,
                       int8_t *output);

#endif
