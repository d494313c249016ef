/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_TOPK_F32_H
#define TFEDGE_TOPK_F32_H

#include <string.h>

#include "tfedge_platform.h"

/* TOPK_V2 on real numbers: of each row of [rows][depth] the positions of the count largest values,
 * the largest first and equals in their order; and, in a second call, the values at these
 * positions. No scratch: each position is found by going through the row once. What is no number,
 * whose order is undefined in the reference, lies beyond infinity. */
typedef struct tfedge_topk_f32_params {
  int32_t rows;
  int32_t depth;
  int32_t count; /* 1..depth */
} tfedge_topk_f32_params;

/* An integer for each number, in their order; both zeros are one. */
TFEDGE_INLINE int32_t tfedge_topk_f32_rank(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const int32_t magnitude = (int32_t)(bits & 0x7fffffffu);
  return (bits >> 31) != 0u ? -magnitude : magnitude;
}

/* The position of what follows the value at `previous` in order; -1 asks for the first. */
TFEDGE_INLINE int32_t tfedge_topk_f32_next(const float *row, int32_t depth, int32_t previous) {
  const int32_t before = previous < 0 ? 0 : tfedge_topk_f32_rank(row[previous]);
  int32_t best = -1;
  int32_t best_rank = 0;
  for (int32_t i = 0; i < depth; i++) {
    const int32_t rank = tfedge_topk_f32_rank(row[i]);
    const int after = previous < 0 || rank < before || (rank == before && i > previous);
    if (after && (best < 0 || rank > best_rank)) {
      best = i;
      best_rank = rank;
    }
  }
  return best;
}

TFEDGE_INLINE void tfedge_topk_positions_f32_inline(const tfedge_topk_f32_params *params,
                                                    const float *input, int32_t *positions) {
  for (int32_t row = 0; row < params->rows; row++) {
    int32_t position = -1;
    for (int32_t i = 0; i < params->count; i++) {
      position = tfedge_topk_f32_next(input, params->depth, position);
      *positions++ = position;
    }
    input += params->depth;
  }
}

TFEDGE_INLINE void tfedge_topk_values_f32_inline(const tfedge_topk_f32_params *params,
                                                 const float *input, const int32_t *positions,
                                                 float *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    for (int32_t i = 0; i < params->count; i++) {
      *output++ = input[*positions++];
    }
    input += params->depth;
  }
}

void tfedge_topk_positions_f32(const tfedge_topk_f32_params *params, const float *input,
                               int32_t *positions);

void tfedge_topk_values_f32(const tfedge_topk_f32_params *params, const float *input,
                            const int32_t *positions, float *output);

#endif
