/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CLAMP_F32_H
#define TFEDGE_CLAMP_F32_H

#include "tfedge_real_f32.h"

/* RELU, RELU6, RELU_N1_TO_1 and RELU_0_TO_1: limits of real numbers. LEAKY_RELU: the slope of
 * negative ones. Works in place. Source: TFLite Micro's reference kernels on float. */
typedef struct tfedge_clamp_f32_params {
  int32_t elements;
  float slope; /* of numbers below 0 */
  float output_min;
  float output_max;
} tfedge_clamp_f32_params;

TFEDGE_INLINE void tfedge_clamp_f32_inline(const tfedge_clamp_f32_params *params,
                                           const float *input, float *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    const float value = input[i];
    const float sloped = value > 0.0f ? value : value * params->slope;
    output[i] = tfedge_limit_f32(sloped, params->output_min, params->output_max);
  }
}

void tfedge_clamp_f32(const tfedge_clamp_f32_params *params, const float *input, float *output);

#endif
