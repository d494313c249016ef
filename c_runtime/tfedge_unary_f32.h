/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_UNARY_F32_H
#define TFEDGE_UNARY_F32_H

#include "tfedge_real_f32.h"

/* Functions of one real number; those that the C library computes are as exact as it is. Works in
 * place. Source: TFLite Micro's reference kernels on float; LiteRT's of GELU and SIGN. */
typedef struct tfedge_unary_f32_params {
  int32_t elements;
} tfedge_unary_f32_params;

typedef float (*tfedge_unary_f32_function)(float value);

TFEDGE_INLINE float tfedge_abs_f32_of(float value) {
  return fabsf(value);
}

TFEDGE_INLINE float tfedge_ceil_f32_of(float value) {
  return ceilf(value);
}

TFEDGE_INLINE float tfedge_cos_f32_of(float value) {
  return cosf(value);
}

TFEDGE_INLINE float tfedge_elu_f32_of(float value) {
  return value < 0.0f ? expm1f(value) : value;
}

TFEDGE_INLINE float tfedge_exp_f32_of(float value) {
  return expf(value);
}

TFEDGE_INLINE float tfedge_floor_f32_of(float value) {
  return floorf(value);
}

TFEDGE_INLINE float tfedge_gelu_f32_of(float value) {
  return 0.5f * value * erfcf(value * -0.70710678f);
}

TFEDGE_INLINE float tfedge_gelu_tanh_f32_of(float value) {
  const float bent = 0.79788456f * value * (1.0f + 0.044715f * value * value);
  return 0.5f * value * (1.0f + tanhf(bent));
}

TFEDGE_INLINE float tfedge_hard_swish_f32_of(float value) {
  return value * tfedge_limit_f32(value + 3.0f, 0.0f, 6.0f) / 6.0f;
}

TFEDGE_INLINE float tfedge_log_f32_of(float value) {
  return logf(value);
}

TFEDGE_INLINE float tfedge_logistic_f32_of(float value) {
  if (value > 16.619047164916992188f) {
    return 1.0f;
  }
  return value < -9.0f ? expf(value) : 1.0f / (1.0f + expf(-value));
}

TFEDGE_INLINE float tfedge_neg_f32_of(float value) {
  return -value;
}

TFEDGE_INLINE float tfedge_round_f32_of(float value) {
  /* halves to even */
  const float whole = floorf(value);
  const float rest = value - whole;
  const float half = 0.5f * whole;
  const int even = floorf(half) >= half;
  return (rest < 0.5f || (rest <= 0.5f && even)) ? whole : whole + 1.0f;
}

TFEDGE_INLINE float tfedge_rsqrt_f32_of(float value) {
  return 1.0f / sqrtf(value);
}

TFEDGE_INLINE float tfedge_sign_f32_of(float value) {
  return value > 0.0f ? 1.0f : (value < 0.0f ? -1.0f : 0.0f);
}

TFEDGE_INLINE float tfedge_sin_f32_of(float value) {
  return sinf(value);
}

TFEDGE_INLINE float tfedge_sqrt_f32_of(float value) {
  return sqrtf(value);
}

TFEDGE_INLINE float tfedge_square_f32_of(float value) {
  return value * value;
}

TFEDGE_INLINE float tfedge_tanh_f32_of(float value) {
  return tanhf(value);
}

/* function is a literal, so that it is inlined into the loop. */
TFEDGE_INLINE void tfedge_unary_f32_run(const tfedge_unary_f32_params *params,
                                        tfedge_unary_f32_function function, const float *input,
                                        float *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    output[i] = function(input[i]);
  }
}

TFEDGE_INLINE void tfedge_abs_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                         float *output) {
  tfedge_unary_f32_run(params, tfedge_abs_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_ceil_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                          float *output) {
  tfedge_unary_f32_run(params, tfedge_ceil_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_cos_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                         float *output) {
  tfedge_unary_f32_run(params, tfedge_cos_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_elu_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                         float *output) {
  tfedge_unary_f32_run(params, tfedge_elu_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_exp_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                         float *output) {
  tfedge_unary_f32_run(params, tfedge_exp_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_floor_f32_inline(const tfedge_unary_f32_params *params,
                                           const float *input, float *output) {
  tfedge_unary_f32_run(params, tfedge_floor_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_gelu_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                          float *output) {
  tfedge_unary_f32_run(params, tfedge_gelu_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_gelu_tanh_f32_inline(const tfedge_unary_f32_params *params,
                                               const float *input, float *output) {
  tfedge_unary_f32_run(params, tfedge_gelu_tanh_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_hard_swish_f32_inline(const tfedge_unary_f32_params *params,
                                                const float *input, float *output) {
  tfedge_unary_f32_run(params, tfedge_hard_swish_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_log_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                         float *output) {
  tfedge_unary_f32_run(params, tfedge_log_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_logistic_f32_inline(const tfedge_unary_f32_params *params,
                                              const float *input, float *output) {
  tfedge_unary_f32_run(params, tfedge_logistic_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_neg_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                         float *output) {
  tfedge_unary_f32_run(params, tfedge_neg_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_round_f32_inline(const tfedge_unary_f32_params *params,
                                           const float *input, float *output) {
  tfedge_unary_f32_run(params, tfedge_round_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_rsqrt_f32_inline(const tfedge_unary_f32_params *params,
                                           const float *input, float *output) {
  tfedge_unary_f32_run(params, tfedge_rsqrt_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_sign_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                          float *output) {
  tfedge_unary_f32_run(params, tfedge_sign_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_sin_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                         float *output) {
  tfedge_unary_f32_run(params, tfedge_sin_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_sqrt_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                          float *output) {
  tfedge_unary_f32_run(params, tfedge_sqrt_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_square_f32_inline(const tfedge_unary_f32_params *params,
                                            const float *input, float *output) {
  tfedge_unary_f32_run(params, tfedge_square_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_tanh_f32_inline(const tfedge_unary_f32_params *params, const float *input,
                                          float *output) {
  tfedge_unary_f32_run(params, tfedge_tanh_f32_of, input, output);
}

void tfedge_abs_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_ceil_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_cos_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_elu_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_exp_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_floor_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_gelu_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_gelu_tanh_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_hard_swish_f32(const tfedge_unary_f32_params *params, const float *input,
                           float *output);
void tfedge_log_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_logistic_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_neg_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_round_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_rsqrt_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_sign_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_sin_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_sqrt_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_square_f32(const tfedge_unary_f32_params *params, const float *input, float *output);
void tfedge_tanh_f32(const tfedge_unary_f32_params *params, const float *input, float *output);

#endif
