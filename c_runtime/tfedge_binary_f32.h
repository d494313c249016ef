/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_BINARY_F32_H
#define TFEDGE_BINARY_F32_H

#include "tfedge_broadcast.h"
#include "tfedge_real_f32.h"

/* Functions of two real numbers with broadcasting: ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM,
 * SQUARED_DIFFERENCE, POW and PRELU. One rounding an operation.
 * Source: TFLite Micro's reference kernels on float; LiteRT's of POW. */
typedef struct tfedge_binary_f32_params {
  tfedge_broadcast shape;
  float output_min;
  float output_max;
} tfedge_binary_f32_params;

typedef float (*tfedge_binary_f32_function)(float a, float b);

TFEDGE_INLINE float tfedge_add_f32_of(float a, float b) {
  return a + b;
}

TFEDGE_INLINE float tfedge_sub_f32_of(float a, float b) {
  return a - b;
}

TFEDGE_INLINE float tfedge_mul_f32_of(float a, float b) {
  return a * b;
}

TFEDGE_INLINE float tfedge_div_f32_of(float a, float b) {
  return a / b;
}

TFEDGE_INLINE float tfedge_maximum_f32_of(float a, float b) {
  return a > b ? a : b;
}

TFEDGE_INLINE float tfedge_minimum_f32_of(float a, float b) {
  return a < b ? a : b;
}

TFEDGE_INLINE float tfedge_squared_difference_f32_of(float a, float b) {
  const float difference = a - b;
  return difference * difference;
}

TFEDGE_INLINE float tfedge_pow_f32_of(float a, float b) {
  return powf(a, b);
}

/* b is the slope of negative numbers. */
TFEDGE_INLINE float tfedge_prelu_f32_of(float a, float b) {
  return a >= 0.0f ? a : a * b;
}

/* The three inner dimensions; returns the end of what it wrote. */
TFEDGE_INLINE float *tfedge_binary_f32_block(const tfedge_binary_f32_params *params,
                                             tfedge_binary_f32_function function, const float *a,
                                             const float *b, float *output) {
  const tfedge_broadcast *const shape = &params->shape;
  for (int32_t l = 0; l < shape->extent[3]; l++) {
    for (int32_t m = 0; m < shape->extent[4]; m++) {
      const float *x = a + l * shape->a[3] + m * shape->a[4];
      const float *y = b + l * shape->b[3] + m * shape->b[4];
      for (int32_t n = 0; n < shape->extent[5]; n++) {
        *output++ = tfedge_limit_f32(function(*x, *y), params->output_min, params->output_max);
        x += shape->a[5];
        y += shape->b[5];
      }
    }
  }
  return output;
}

/* function is a literal, so that it is inlined into the innermost loop. */
TFEDGE_INLINE void tfedge_binary_f32_run(const tfedge_binary_f32_params *params,
                                         tfedge_binary_f32_function function, const float *a,
                                         const float *b, float *output) {
  const tfedge_broadcast *const shape = &params->shape;
  for (int32_t i = 0; i < shape->extent[0]; i++) {
    for (int32_t j = 0; j < shape->extent[1]; j++) {
      for (int32_t k = 0; k < shape->extent[2]; k++) {
        output = tfedge_binary_f32_block(
            params, function, a + i * shape->a[0] + j * shape->a[1] + k * shape->a[2],
            b + i * shape->b[0] + j * shape->b[1] + k * shape->b[2], output);
      }
    }
  }
}

TFEDGE_INLINE void tfedge_add_f32_inline(const tfedge_binary_f32_params *params, const float *a,
                                         const float *b, float *output) {
  tfedge_binary_f32_run(params, tfedge_add_f32_of, a, b, output);
}

TFEDGE_INLINE void tfedge_sub_f32_inline(const tfedge_binary_f32_params *params, const float *a,
                                         const float *b, float *output) {
  tfedge_binary_f32_run(params, tfedge_sub_f32_of, a, b, output);
}

TFEDGE_INLINE void tfedge_mul_f32_inline(const tfedge_binary_f32_params *params, const float *a,
                                         const float *b, float *output) {
  tfedge_binary_f32_run(params, tfedge_mul_f32_of, a, b, output);
}

TFEDGE_INLINE void tfedge_div_f32_inline(const tfedge_binary_f32_params *params, const float *a,
                                         const float *b, float *output) {
  tfedge_binary_f32_run(params, tfedge_div_f32_of, a, b, output);
}

TFEDGE_INLINE void tfedge_maximum_f32_inline(const tfedge_binary_f32_params *params, const float *a,
                                             const float *b, float *output) {
  tfedge_binary_f32_run(params, tfedge_maximum_f32_of, a, b, output);
}

TFEDGE_INLINE void tfedge_minimum_f32_inline(const tfedge_binary_f32_params *params, const float *a,
                                             const float *b, float *output) {
  tfedge_binary_f32_run(params, tfedge_minimum_f32_of, a, b, output);
}

TFEDGE_INLINE void tfedge_squared_difference_f32_inline(const tfedge_binary_f32_params *params,
                                                        const float *a, const float *b,
                                                        float *output) {
  tfedge_binary_f32_run(params, tfedge_squared_difference_f32_of, a, b, output);
}

TFEDGE_INLINE void tfedge_pow_f32_inline(const tfedge_binary_f32_params *params, const float *a,
                                         const float *b, float *output) {
  tfedge_binary_f32_run(params, tfedge_pow_f32_of, a, b, output);
}

TFEDGE_INLINE void tfedge_prelu_f32_inline(const tfedge_binary_f32_params *params, const float *a,
                                           const float *b, float *output) {
  tfedge_binary_f32_run(params, tfedge_prelu_f32_of, a, b, output);
}

void tfedge_add_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                    float *output);
void tfedge_sub_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                    float *output);
void tfedge_mul_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                    float *output);
void tfedge_div_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                    float *output);
void tfedge_maximum_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                        float *output);
void tfedge_minimum_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                        float *output);
void tfedge_squared_difference_f32(const tfedge_binary_f32_params *params, const float *a,
                                   const float *b, float *output);
void tfedge_pow_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                    float *output);
void tfedge_prelu_f32(const tfedge_binary_f32_params *params, const float *a, const float *b,
                      float *output);

#endif
