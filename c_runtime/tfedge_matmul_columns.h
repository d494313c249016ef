/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_MATMUL_COLUMNS_H
#define TFEDGE_MATMUL_COLUMNS_H

#include "tfedge_copy_s8.h"
#include "tfedge_four_pixels.h"
#include "tfedge_matmul_pairs_s8.h"

/* What products of rows by columns of four share, however their weights are stored. */

TFEDGE_INLINE void tfedge_columns_four_rows(const tfedge_matmul_pairs_s8_params *params,
                                            const int8_t *input, int8_t *output, uint32_t *columns,
                                            tfedge_four_pixels multiply, const void *weights) {
  const int32_t depth = params->depth;
  (void)tfedge_pairs_s8_widen(columns, input, input + depth, input + 2 * depth, input + 3 * depth,
                              depth);
  multiply(weights, columns, output, params->product.channels);
}

/* The last rows % 4, by four rows of which the last one is repeated. */
TFEDGE_INLINE void tfedge_columns_last_rows(const tfedge_matmul_pairs_s8_params *params,
                                            const int8_t *input, int8_t *output, uint32_t *columns,
                                            tfedge_four_pixels multiply, const void *weights) {
  const int32_t depth = params->depth;
  const int32_t channels = params->product.channels;
  const int32_t count = params->rows % 4;
  const int8_t *const first = input + (params->rows - count) * depth;
  const int8_t *const second = first + (count > 1 ? depth : 0);
  const int8_t *const last = first + (count - 1) * depth;
  int8_t *const results = (int8_t *)(columns + 2 * depth);
  (void)tfedge_pairs_s8_widen(columns, first, second, last, last, depth);
  multiply(weights, columns, results, channels);
  tfedge_copy_s8(output + (params->rows - count) * channels, results, count * channels);
}

/* All rows. */
TFEDGE_INLINE void tfedge_matmul_columns(const tfedge_matmul_pairs_s8_params *params,
                                         const int8_t *input, int8_t *output, void *scratch,
                                         tfedge_four_pixels multiply, const void *weights) {
  uint32_t *const columns = (uint32_t *)scratch;
  const int32_t fours = params->rows / 4;
  const int32_t groups = (params->rows + 3) / 4;
  const int32_t channels = params->product.channels;
  const int32_t backwards = channels > params->depth;
  for (int32_t turn = 0; turn < groups; turn++) {
    const int32_t group = backwards ? groups - 1 - turn : turn;
    if (group < fours) {
      tfedge_columns_four_rows(params, input + 4 * group * params->depth,
                               output + 4 * group * channels, columns, multiply, weights);
    } else {
      tfedge_columns_last_rows(params, input, output, columns, multiply, weights);
    }
  }
}

#endif
