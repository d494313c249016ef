/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ADD_N_F32_H
#define TFEDGE_ADD_N_F32_H

#include "tfedge_real_f32.h"

/* ADD_N on real numbers, an operand a call: the first is added to 0, the others to what the output
 * has so far. Source: TFLite Micro's reference ADD_N on float. */
typedef struct tfedge_add_n_f32_params {
  int32_t elements;
  int32_t is_first;
} tfedge_add_n_f32_params;

TFEDGE_INLINE void tfedge_add_n_f32_inline(const tfedge_add_n_f32_params *params,
                                           const float *input, float *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    output[i] = (params->is_first != 0 ? 0.0f : output[i]) + input[i];
  }
}

void tfedge_add_n_f32(const tfedge_add_n_f32_params *params, const float *input, float *output);

#endif
