/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_binary_f32.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_add_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                    float *output) {
  tfedge_add_f32_inline(params, a, b, output);
}

TFEDGE_SHARED
void tfedge_sub_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                    float *output) {
  tfedge_sub_f32_inline(params, a, b, output);
}

TFEDGE_SHARED
void tfedge_mul_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                    float *output) {
  tfedge_mul_f32_inline(params, a, b, output);
}

TFEDGE_SHARED
void tfedge_div_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                    float *output) {
  tfedge_div_f32_inline(params, a, b, output);
}

TFEDGE_SHARED
void tfedge_maximum_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                        float *output) {
  tfedge_maximum_f32_inline(params, a, b, output);
}

TFEDGE_SHARED
void tfedge_minimum_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                        float *output) {
  tfedge_minimum_f32_inline(params, a, b, output);
}

TFEDGE_SHARED
void tfedge_squared_difference_f32(const tfedge_binary_f32_params *params, const float *a,
                                   const float *b, float *output) {
  tfedge_squared_difference_f32_inline(params, a, b, output);
}

TFEDGE_SHARED
void tfedge_pow_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                    float *output) {
  tfedge_pow_f32_inline(params, a, b, output);
}

TFEDGE_SHARED
void tfedge_prelu_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                      float *output) {
  tfedge_prelu_f32_inline(params, a, b, output);
}
