/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ADD_FOURS_S8_H
#define TFEDGE_ADD_FOURS_S8_H

#include "tfedge_saturating_requantize.h"

/* ADD and SUB on int8 without broadcasting, four elements a turn: saturate((constant + a*a_factor +
 * b*b_factor) / 2^shift), rounded down. A layer uses it only where this equals tfedge_add_s8 on all
 * 65,536 pairs of operands and never leaves 32 bits, which the generator has computed. The output
 * may be where an operand is. */
typedef struct tfedge_add_fours_s8_params {
  int32_t count;
  int32_t a_factor;
  int32_t b_factor;
  int32_t constant;
  int32_t shift; /* 0..31 */
} tfedge_add_fours_s8_params;

void tfedge_add_fours_s8(const tfedge_add_fours_s8_params *params, const int8_t *a, const int8_t *b,
                         int8_t *output);

#endif
