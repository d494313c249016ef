/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ARG_MIN_MAX_F32_H
#define TFEDGE_ARG_MIN_MAX_F32_H

#include "tfedge_real_f32.h"

/* ARG_MAX and ARG_MIN on real numbers: [outer][depth][inner] -> [outer][inner], the position of the
 * largest or smallest value along the middle axis, the first of equals. The output is int32 or
 * int64. */
typedef struct tfedge_arg_min_max_f32_params {
  int32_t outer;
  int32_t depth;
  int32_t inner;
  int32_t largest; /* 1: ARG_MAX, 0: ARG_MIN */
  int32_t wide;    /* 1: int64 output, 0: int32 */
} tfedge_arg_min_max_f32_params;

TFEDGE_INLINE int32_t tfedge_arg_min_max_f32_of(const tfedge_arg_min_max_f32_params *params,
                                                const float *input) {
  int32_t position = 0;
  float extreme = *input;
  for (int32_t i = 1; i < params->depth; i++) {
    const float value = input[i * params->inner];
    if (params->largest ? value > extreme : value < extreme) {
      extreme = value;
      position = i;
    }
  }
  return position;
}

TFEDGE_INLINE void tfedge_arg_min_max_f32_inline(const tfedge_arg_min_max_f32_params *params,
                                                 const float *input, void *output) {
  uint8_t *bytes = (uint8_t *)output;
  for (int32_t i = 0; i < params->outer; i++) {
    for (int32_t j = 0; j < params->inner; j++) {
      const int32_t narrow = tfedge_arg_min_max_f32_of(params, input + j);
      const int64_t wide = narrow;
      if (params->wide != 0) {
        memcpy(bytes, &wide, sizeof wide);
        bytes += sizeof wide;
      } else {
        memcpy(bytes, &narrow, sizeof narrow);
        bytes += sizeof narrow;
      }
    }
    input += params->depth * params->inner;
  }
}

void tfedge_arg_min_max_f32(const tfedge_arg_min_max_f32_params *params, const float *input,
                            void *output);

#endif
