/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_matmul_pairs_s8.h"

static void four_rows(const tfedge_matmul_pairs_s8_params *params, const int8_t *input,
                      int8_t *output, uint32_t *columns) {
  const int32_t depth = params->depth;
  (void)tfedge_pairs_s8_widen(columns, input, input + depth, input + 2 * depth, input + 3 * depth,
                              depth);
  tfedge_pairs_s8_four(&params->product, columns, output, params->product.channels);
}

/* The last rows % 4, by four rows of which the last one is repeated. */
static void last_rows(const tfedge_matmul_pairs_s8_params *params, const int8_t *input,
                      int8_t *output, uint32_t *columns) {
  const int32_t depth = params->depth;
  const int32_t channels = params->product.channels;
  const int32_t count = params->rows % 4;
  const int8_t *const first = input + (params->rows - count) * depth;
  const int8_t *const second = first + (count > 1 ? depth : 0);
  const int8_t *const last = first + (count - 1) * depth;
  int8_t *const results = (int8_t *)(columns + 2 * depth);
  (void)tfedge_pairs_s8_widen(columns, first, second, last, last, depth);
  tfedge_pairs_s8_four(&params->product, columns, results, channels);
  tfedge_pairs_s8_copy(output + (params->rows - count) * channels, results, count * channels);
}

TFEDGE_SHARED
void tfedge_matmul_pairs_s8(const tfedge_matmul_pairs_s8_params *params, const int8_t *input,
                            int8_t *output, void *scratch) {
  uint32_t *const columns = (uint32_t *)scratch;
  const int32_t fours = params->rows / 4;
  const int32_t channels = params->product.channels;
  const int32_t backwards = channels > params->depth;
  const int32_t has_rest = params->rows % 4 != 0;
  if (backwards && has_rest) {
    last_rows(params, input, output, columns);
  }
  for (int32_t four = 0; four < fours; four++) {
    const int32_t row = 4 * (backwards ? fours - 1 - four : four);
    four_rows(params, input + row * params->depth, output + row * channels, columns);
  }
  if (!backwards && has_rest) {
    last_rows(params, input, output, columns);
  }
}
