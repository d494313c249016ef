/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ADD_LANES_S8_H
#define TFEDGE_ADD_LANES_S8_H

#include "tfedge_requantize.h"
#include "tfedge_vectors.h"

/* ADD and SUB on int8 of two operands of one shape as a linear function, for lanes of vectors:
 * (constant + a*a_factor + b*b_factor) / 2^shift, rounded down. As tfedge_add_linear_s8, it is used
 * only where this equals tfedge_add_s8 on all pairs of operands, and never leaves 32 bits. The
 * output may be one of the operands. */
typedef struct tfedge_add_lanes_s8_params {
  int32_t count;
  int32_t a_factor;
  int32_t b_factor;
  int32_t constant;
  int32_t shift; /* 0..31 */
  int32_t output_min;
  int32_t output_max;
} tfedge_add_lanes_s8_params;

void tfedge_add_lanes_s8(const tfedge_add_lanes_s8_params *params, const int8_t *a, const int8_t *b,
                         int8_t *output);

#endif
