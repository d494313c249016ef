/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_COMPARE_F32_H
#define TFEDGE_COMPARE_F32_H

#include "tfedge_broadcast.h"

/* EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER and GREATER_EQUAL on float numbers, none of which is
 * not-a-number, with broadcasting; the result is a byte, 0 or 1. Exact.
 * Source: TFLite Micro's reference comparisons. */
typedef struct tfedge_compare_f32_params {
  tfedge_broadcast shape;
  int32_t accept_less; /* 1 where a < b gives 1 */
  int32_t accept_equal;
  int32_t accept_greater;
} tfedge_compare_f32_params;

TFEDGE_INLINE int8_t tfedge_compare_f32_element(const tfedge_compare_f32_params *params, float a,
                                                float b) {
  return (int8_t)(a < b ? params->accept_less
                        : (a > b ? params->accept_greater : params->accept_equal));
}

/* The three inner dimensions; returns the end of what it wrote. */
TFEDGE_INLINE int8_t *tfedge_compare_f32_block(const tfedge_compare_f32_params *params,
                                               const float *a, const float *b, int8_t *output) {
  const tfedge_broadcast *const shape = &params->shape;
  for (int32_t l = 0; l < shape->extent[3]; l++) {
    for (int32_t m = 0; m < shape->extent[4]; m++) {
      const float *x = a + l * shape->a[3] + m * shape->a[4];
      const float *y = b + l * shape->b[3] + m * shape->b[4];
      for (int32_t n = 0; n < shape->extent[5]; n++) {
        *output++ = tfedge_compare_f32_element(params, *x, *y);
        x += shape->a[5];
        y += shape->b[5];
      }
    }
  }
  return output;
}

TFEDGE_INLINE void tfedge_compare_f32_inline(const tfedge_compare_f32_params *params,
                                             const float *a, const float *b, int8_t *output) {
  const tfedge_compare_f32_params local = *params; /* writes of bytes cannot change a copy */
  const tfedge_broadcast *const shape = &local.shape;
  for (int32_t i = 0; i < shape->extent[0]; i++) {
    for (int32_t j = 0; j < shape->extent[1]; j++) {
      for (int32_t k = 0; k < shape->extent[2]; k++) {
        output = tfedge_compare_f32_block(
            &local, a + i * shape->a[0] + j * shape->a[1] + k * shape->a[2],
            b + i * shape->b[0] + j * shape->b[1] + k * shape->b[2], output);
      }
    }
  }
}

void tfedge_compare_f32(const tfedge_compare_f32_params *params, const float *a, const float *b,
                        int8_t *output);

#endif
