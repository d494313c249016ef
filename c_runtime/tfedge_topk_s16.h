/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_TOPK_S16_H
#define TFEDGE_TOPK_S16_H

#include "tfedge_platform.h"

/* TOPK_V2 on int16: of each row of [rows][depth] the positions of the count largest values, the
 * largest first and equals in their order; and, in a second call, the values at these positions.
 * No scratch: each position is found by going through the row once. */
typedef struct tfedge_topk_s16_params {
  int32_t rows;
  int32_t depth;
  int32_t count; /* 1..depth */
} tfedge_topk_s16_params;

/* The position of what follows the value at `previous` in order; -1 asks for the first. */
TFEDGE_INLINE int32_t tfedge_topk_s16_next(const int16_t *row, int32_t depth, int32_t previous) {
  int32_t best = -1;
  for (int32_t i = 0; i < depth; i++) {
    const int after =
        previous < 0 || row[i] < row[previous] || (row[i] == row[previous] && i > previous);
    if (after && (best < 0 || row[i] > row[best])) {
      best = i;
    }
  }
  return best;
}

TFEDGE_INLINE void tfedge_topk_positions_s16_inline(const tfedge_topk_s16_params *params,
                                                    const int16_t *input, int32_t *positions) {
  for (int32_t row = 0; row < params->rows; row++) {
    int32_t position = -1;
    for (int32_t i = 0; i < params->count; i++) {
      position = tfedge_topk_s16_next(input, params->depth, position);
      *positions++ = position;
    }
    input += params->depth;
  }
}

TFEDGE_INLINE void tfedge_topk_values_s16_inline(const tfedge_topk_s16_params *params,
                                                 const int16_t *input, const int32_t *positions,
                                                 int16_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    for (int32_t i = 0; i < params->count; i++) {
      *output++ = input[*positions++];
    }
    input += params->depth;
  }
}

void tfedge_topk_positions_s16(const tfedge_topk_s16_params *params, const int16_t *input,
                               int32_t *positions);

void tfedge_topk_values_s16(const tfedge_topk_s16_params *params, const int16_t *input,
                            const int32_t *positions, int16_t *output);

#endif
