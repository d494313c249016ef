/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CUMSUM_F32_H
#define TFEDGE_CUMSUM_F32_H

#include "tfedge_real_f32.h"

/* CUMSUM on real numbers along the middle axis of [outer][depth][inner], in the order of the axis.
 * Works in place. Source: TFLite Micro's reference CUMSUM on float. */
typedef struct tfedge_cumsum_f32_params {
  int32_t outer;
  int32_t depth;
  int32_t inner;
  int32_t exclusive; /* 1: a position's own value does not count */
  int32_t reverse;   /* 1: sums run from the end */
} tfedge_cumsum_f32_params;

TFEDGE_INLINE void tfedge_cumsum_f32_run(const tfedge_cumsum_f32_params *params, const float *input,
                                         float *output) {
  float sum = 0.0f;
  for (int32_t i = 0; i < params->depth; i++) {
    const int32_t position = (params->reverse ? params->depth - 1 - i : i) * params->inner;
    const float before = sum;
    sum += input[position];
    output[position] = params->exclusive ? before : sum;
  }
}

TFEDGE_INLINE void tfedge_cumsum_f32_inline(const tfedge_cumsum_f32_params *params,
                                            const float *input, float *output) {
  for (int32_t i = 0; i < params->outer; i++) {
    for (int32_t j = 0; j < params->inner; j++) {
      tfedge_cumsum_f32_run(params, input + j, output + j);
    }
    input += params->depth * params->inner;
    output += params->depth * params->inner;
  }
}

void tfedge_cumsum_f32(const tfedge_cumsum_f32_params *params, const float *input, float *output);

#endif
