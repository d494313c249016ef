/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_REDUCE_F32_H
#define TFEDGE_REDUCE_F32_H

#include "tfedge_real_f32.h"
#include "tfedge_reduction.h"

/* SUM, MEAN, REDUCE_MAX, REDUCE_MIN and REDUCE_PROD on real numbers, in the order of the input,
 * from `first` on. Source: TFLite Micro's reference kernels on float; LiteRT's of REDUCE_PROD. */
typedef struct tfedge_reduce_f32_params {
  tfedge_reduction shape;
  float first;
  float divisor; /* of the result: the number of values for MEAN, else 1 */
} tfedge_reduce_f32_params;

typedef float (*tfedge_fold_f32)(float result, float value);

TFEDGE_INLINE float tfedge_sum_f32_of(float result, float value) {
  return result + value;
}

TFEDGE_INLINE float tfedge_reduce_prod_f32_of(float result, float value) {
  return result * value;
}

TFEDGE_INLINE float tfedge_reduce_max_f32_of(float result, float value) {
  return value > result ? value : result;
}

TFEDGE_INLINE float tfedge_reduce_min_f32_of(float result, float value) {
  return value < result ? value : result;
}

/* The result of the values from `input` on. */
TFEDGE_INLINE float tfedge_reduce_f32_one(const tfedge_reduce_f32_params *params,
                                          tfedge_fold_f32 fold, const float *input) {
  const tfedge_reduction *const shape = &params->shape;
  const int32_t step2 = shape->kept[3];
  const int32_t step1 = shape->kept[2] * shape->reduced[2] * step2;
  const int32_t step0 = shape->kept[1] * shape->reduced[1] * step1;
  float result = params->first;
  for (int32_t i = 0; i < shape->reduced[0]; i++) {
    for (int32_t j = 0; j < shape->reduced[1]; j++) {
      for (int32_t k = 0; k < shape->reduced[2]; k++) {
        result = fold(result, input[i * step0 + j * step1 + k * step2]);
      }
    }
  }
  return result / params->divisor;
}

/* fold is a literal, so that it is inlined into the innermost loop. */
TFEDGE_INLINE void tfedge_reduce_f32_run(const tfedge_reduce_f32_params *params,
                                         tfedge_fold_f32 fold, const float *input, float *output) {
  const tfedge_reduction *const shape = &params->shape;
  const int32_t row2 = shape->reduced[2] * shape->kept[3];
  const int32_t row1 = shape->reduced[1] * shape->kept[2] * row2;
  const int32_t row0 = shape->reduced[0] * shape->kept[1] * row1;
  for (int32_t i = 0; i < shape->kept[0]; i++) {
    for (int32_t j = 0; j < shape->kept[1]; j++) {
      for (int32_t k = 0; k < shape->kept[2]; k++) {
        for (int32_t l = 0; l < shape->kept[3]; l++) {
          *output++ =
              tfedge_reduce_f32_one(params, fold, input + i * row0 + j * row1 + k * row2 + l);
        }
      }
    }
  }
}

TFEDGE_INLINE void tfedge_sum_f32_inline(const tfedge_reduce_f32_params *params, const float *input,
                                         float *output) {
  tfedge_reduce_f32_run(params, tfedge_sum_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_reduce_prod_f32_inline(const tfedge_reduce_f32_params *params,
                                                 const float *input, float *output) {
  tfedge_reduce_f32_run(params, tfedge_reduce_prod_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_reduce_max_f32_inline(const tfedge_reduce_f32_params *params,
                                                const float *input, float *output) {
  tfedge_reduce_f32_run(params, tfedge_reduce_max_f32_of, input, output);
}

TFEDGE_INLINE void tfedge_reduce_min_f32_inline(const tfedge_reduce_f32_params *params,
                                                const float *input, float *output) {
  tfedge_reduce_f32_run(params, tfedge_reduce_min_f32_of, input, output);
}

void tfedge_sum_f32(const tfedge_reduce_f32_params *params, const float *input, float *output);
void tfedge_reduce_prod_f32(const tfedge_reduce_f32_params *params, const float *input,
                            float *output);
void tfedge_reduce_max_f32(const tfedge_reduce_f32_params *params, const float *input,
                           float *output);
void tfedge_reduce_min_f32(const tfedge_reduce_f32_params *params, const float *input,
                           float *output);

#endif
