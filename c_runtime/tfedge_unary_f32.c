/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_unary_f32.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_abs_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_abs_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_ceil_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_ceil_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_cos_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_cos_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_elu_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_elu_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_exp_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_exp_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_floor_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_floor_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_gelu_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_gelu_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_gelu_tanh_f32(const tfedge_unary_f32_params *params, const float *input,
                          float *output) {
  tfedge_gelu_tanh_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_hard_swish_f32(const tfedge_unary_f32_params *params, const float *input,
                           float *output) {
  tfedge_hard_swish_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_log_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_log_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_logistic_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_logistic_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_neg_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_neg_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_round_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_round_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_rsqrt_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_rsqrt_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_sign_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_sign_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_sin_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_sin_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_sqrt_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_sqrt_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_square_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_square_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_tanh_f32(const tfedge_unary_f32_params *params, const float *input, float *output) {
  tfedge_tanh_f32_inline(params, input, output);
}
