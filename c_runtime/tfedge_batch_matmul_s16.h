/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_BATCH_MATMUL_S16_H
#define TFEDGE_BATCH_MATMUL_S16_H

#include "tfedge_requantize.h"

/* BATCH_MATMUL on int16: for each pair of matrices [rows][depth] and [depth][columns] of the two
 * operands -> [rows][columns], row after row, either matrix stored in either order.
 *
 *   output = clamp(requantize(sum_k a[k] * b[k]))
 *
 * All zero points are 0; sums have 64 bits, and the multiplier 15.
 * Source: TFLite Micro's reference BATCH_MATMUL on int16; rounds once. */
typedef struct tfedge_batch_matmul_s16_params {
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
  int32_t output_multiplier; /* 0..32767 */
  int32_t output_shift;      /* -31..7, positive to the left */
} tfedge_batch_matmul_s16_params;

TFEDGE_INLINE int16_t tfedge_batch_matmul_s16_element(const tfedge_batch_matmul_s16_params *params,
                                                      const int16_t *a, const int16_t *b) {
  int64_t sum = 0;
  for (int32_t k = 0; k < params->depth; k++) {
    sum += (int32_t)a[k * params->a_depth_step] * b[k * params->b_depth_step];
  }
  return (int16_t)tfedge_clamp(
      tfedge_requantize_wide(sum, params->output_multiplier, params->output_shift), INT16_MIN,
      INT16_MAX);
}

/* One pair of matrices; returns the end of what it wrote. */
TFEDGE_INLINE int16_t *tfedge_batch_matmul_s16_matrix(const tfedge_batch_matmul_s16_params *params,
                                                      const int16_t *a, const int16_t *b,
                                                      int16_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    for (int32_t column = 0; column < params->columns; column++) {
      *output++ = tfedge_batch_matmul_s16_element(params, a, b + column * params->b_column_step);
    }
    a += params->a_row_step;
  }
  return output;
}

TFEDGE_INLINE void tfedge_batch_matmul_s16_inline(const tfedge_batch_matmul_s16_params *params,
                                                  const int16_t *a, const int16_t *b,
                                                  int16_t *output) {
  const int32_t *const a_step = params->a_batch_step;
  const int32_t *const b_step = params->b_batch_step;
  for (int32_t i = 0; i < params->batches[0]; i++) {
    for (int32_t j = 0; j < params->batches[1]; j++) {
      for (int32_t k = 0; k < params->batches[2]; k++) {
        output = tfedge_batch_matmul_s16_matrix(
            params, a + i * a_step[0] + j * a_step[1] + k * a_step[2],
            b + i * b_step[0] + j * b_step[1] + k * b_step[2], output);
      }
    }
  }
}

void tfedge_batch_matmul_s16(const tfedge_batch_matmul_s16_params *params, const int16_t *a,
                             const int16_t *b, int16_t *output);

#endif
