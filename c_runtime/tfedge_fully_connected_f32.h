/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FULLY_CONNECTED_F32_H
#define TFEDGE_FULLY_CONNECTED_F32_H

#include "tfedge_matmul_f32.h"

/* FULLY_CONNECTED on real numbers, and CONV_2D with a kernel of 1x1: [rows][depth] ->
 * [rows][channels]. fully_connected_f16 has weights of half precision. */
typedef struct tfedge_fully_connected_f32_params {
  int32_t rows;
  tfedge_matmul_f32_params matmul;
} tfedge_fully_connected_f32_params;

TFEDGE_INLINE void tfedge_fully_connected_f32_run(const tfedge_fully_connected_f32_params *params,
                                                  tfedge_stored_f32 weight, const float *input,
                                                  float *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    tfedge_matmul_f32_row(&params->matmul, weight, input + row * params->matmul.depth,
                          output + row * params->matmul.channels);
  }
}

TFEDGE_INLINE void tfedge_fully_connected_f32_inline(
    const tfedge_fully_connected_f32_params *params, const float *input, float *output) {
  tfedge_fully_connected_f32_run(params, tfedge_stored_f32_single, input, output);
}

TFEDGE_INLINE void tfedge_fully_connected_f16_inline(
    const tfedge_fully_connected_f32_params *params, const float *input, float *output) {
  tfedge_fully_connected_f32_run(params, tfedge_stored_f32_half, input, output);
}

void tfedge_fully_connected_f32(const tfedge_fully_connected_f32_params *params, const float *input,
                                float *output);
void tfedge_fully_connected_f16(const tfedge_fully_connected_f32_params *params, const float *input,
                                float *output);

#endif
