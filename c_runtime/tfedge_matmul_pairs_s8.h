/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_MATMUL_PAIRS_S8_H
#define TFEDGE_MATMUL_PAIRS_S8_H

#include "tfedge_pairs_s8.h"

/* Rows of int8 activations times int8 weights for cores with the DSP extension: [rows][depth] ->
 * [rows][channels], which is a 1x1 convolution or a dense layer on many rows. The numbers and the
 * order of the packed words are those of tfedge_pairs_s8.h; the bias is less the input's zero point
 * times the weights.
 * The output may begin where the input does: outputs that are wider are computed from the last row
 * on, others from the first.
 * scratch: words for four columns, then four rows of the output, which rows % 4 take:
 * 8 * depth + 4 * channels bytes. */
typedef struct tfedge_matmul_pairs_s8_params {
  int32_t rows;
  int32_t depth; /* a multiple of 4; product.pairs is half of it */
  tfedge_pairs_s8_params product;
} tfedge_matmul_pairs_s8_params;

void tfedge_matmul_pairs_s8(const tfedge_matmul_pairs_s8_params *params, const int8_t *input,
                            int8_t *output, void *scratch);

#endif
