/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_BATCH_MATMUL_F32_H
#define TFEDGE_BATCH_MATMUL_F32_H

#include "tfedge_real_f32.h"

/* BATCH_MATMUL on real numbers: for each pair of matrices [rows][depth] and [depth][columns] of the
 * two operands -> [rows][columns], row after row, either matrix stored in either order. Sums are in
 * the order of depth. Source: TFLite Micro's reference BATCH_MATMUL on float. */
typedef struct tfedge_batch_matmul_f32_params {
  int32_t batches[3];
  int32_t a_batch_step[3]; /* elements from a matrix to the next along each; 0 repeats it */
  int32_t b_batch_step[3];
  int32_t rows;
  int32_t columns;
  int32_t depth;
  int32_t a_row_step;
  int32_t a_depth_step;
  int32_t b_column_step;
  int32_t b_depth_step;
} tfedge_batch_matmul_f32_params;

/* One pair of matrices; returns the end of what it wrote. */
TFEDGE_INLINE float *tfedge_batch_matmul_f32_matrix(const tfedge_batch_matmul_f32_params *params,
                                                    const float *a, const float *b, float *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    for (int32_t column = 0; column < params->columns; column++) {
      const float *const other = b + column * params->b_column_step;
      float sum = 0.0f;
      for (int32_t k = 0; k < params->depth; k++) {
        sum += a[k * params->a_depth_step] * other[k * params->b_depth_step];
      }
      *output++ = sum;
    }
    a += params->a_row_step;
  }
  return output;
}

TFEDGE_INLINE void tfedge_batch_matmul_f32_inline(const tfedge_batch_matmul_f32_params *params,
                                                  const float *a, const float *b, float *output) {
  const int32_t *const a_step = params->a_batch_step;
  const int32_t *const b_step = params->b_batch_step;
  for (int32_t i = 0; i < params->batches[0]; i++) {
    for (int32_t j = 0; j < params->batches[1]; j++) {
      for (int32_t k = 0; k < params->batches[2]; k++) {
        output = tfedge_batch_matmul_f32_matrix(
            params, a + i * a_step[0] + j * a_step[1] + k * a_step[2],
            b + i * b_step[0] + j * b_step[1] + k * b_step[2], output);
      }
    }
  }
}

void tfedge_batch_matmul_f32(const tfedge_batch_matmul_f32_params *params, const float *a,
                             const float *b, float *output);

#endif
