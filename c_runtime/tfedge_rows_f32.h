/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ROWS_F32_H
#define TFEDGE_ROWS_F32_H

#include "tfedge_real_f32.h"

/* SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION on real numbers, every row by itself: [rows][depth].
 * Sums are in the order of the row. Works in place.
 * Source: TFLite Micro's reference kernels on float. */
typedef struct tfedge_rows_f32_params {
  int32_t rows;
  int32_t depth;
  float beta; /* factor of exponents, of SOFTMAX alone */
} tfedge_rows_f32_params;

TFEDGE_INLINE float tfedge_rows_f32_largest(const float *input, int32_t depth) {
  float largest = input[0];
  for (int32_t i = 1; i < depth; i++) {
    largest = input[i] > largest ? input[i] : largest;
  }
  return largest;
}

TFEDGE_INLINE void tfedge_softmax_f32_inline(const tfedge_rows_f32_params *params,
                                             const float *input, float *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    const float largest = tfedge_rows_f32_largest(input, params->depth);
    float sum = 0.0f;
    for (int32_t i = 0; i < params->depth; i++) {
      output[i] = expf((input[i] - largest) * params->beta);
      sum += output[i];
    }
    for (int32_t i = 0; i < params->depth; i++) {
      output[i] = output[i] / sum;
    }
    input += params->depth;
    output += params->depth;
  }
}

TFEDGE_INLINE void tfedge_log_softmax_f32_inline(const tfedge_rows_f32_params *params,
                                                 const float *input, float *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    const float largest = tfedge_rows_f32_largest(input, params->depth);
    float sum = expf(input[0] - largest);
    for (int32_t i = 1; i < params->depth; i++) {
      sum += expf(input[i] - largest);
    }
    const float logarithm = logf(sum);
    for (int32_t i = 0; i < params->depth; i++) {
      output[i] = input[i] - largest - logarithm;
    }
    input += params->depth;
    output += params->depth;
  }
}

TFEDGE_INLINE void tfedge_l2_normalization_f32_inline(const tfedge_rows_f32_params *params,
                                                      const float *input, float *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    float sum = 0.0f;
    for (int32_t i = 0; i < params->depth; i++) {
      sum += input[i] * input[i];
    }
    const float norm = sqrtf(sum);
    const float divisor = norm < 1e-6f ? 1e-6f : norm;
    for (int32_t i = 0; i < params->depth; i++) {
      output[i] = input[i] / divisor;
    }
    input += params->depth;
    output += params->depth;
  }
}

void tfedge_softmax_f32(const tfedge_rows_f32_params *params, const float *input, float *output);
void tfedge_log_softmax_f32(const tfedge_rows_f32_params *params, const float *input,
                            float *output);
void tfedge_l2_normalization_f32(const tfedge_rows_f32_params *params, const float *input,
                                 float *output);

#endif
