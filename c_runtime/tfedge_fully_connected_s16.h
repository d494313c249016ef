/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FULLY_CONNECTED_S16_H
#define TFEDGE_FULLY_CONNECTED_S16_H

#include "tfedge_matmul_s16.h"

/* FULLY_CONNECTED on int16 with int8 weights: [rows][depth] -> [rows][channels].
 * Source: TFLite Micro's reference FULLY_CONNECTED on int16; rounds once. */
typedef struct tfedge_fully_connected_s16_params {
  int32_t rows;
  tfedge_matmul_s16_params matmul;
} tfedge_fully_connected_s16_params;

TFEDGE_INLINE void tfedge_fully_connected_s16_inline(
    const tfedge_fully_connected_s16_params *params, const int16_t *input, int16_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    tfedge_matmul_s16_row(&params->matmul, input, output);
    input += params->matmul.depth;
    output += params->matmul.channels;
  }
}

void tfedge_fully_connected_s16(const tfedge_fully_connected_s16_params *params,
                                const int16_t *input, int16_t *output);

#endif
