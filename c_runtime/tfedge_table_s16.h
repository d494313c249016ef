/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_TABLE_S16_H
#define TFEDGE_TABLE_S16_H

#include "tfedge_interpolate_s16.h"

/* Any function of one int16 (EXP, GELU), interpolated in a table. Works in place.
 * Source: LiteRT's reference kernels, which have these functions as tables on int16. */
typedef struct tfedge_table_s16_params {
  int32_t elements;
  const int16_t *table; /* [513] */
} tfedge_table_s16_params;

TFEDGE_INLINE void tfedge_table_s16_inline(const tfedge_table_s16_params *params,
                                           const int16_t *input, int16_t *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    output[i] = tfedge_interpolate_s16(params->table, input[i]);
  }
}

void tfedge_table_s16(const tfedge_table_s16_params *params, const int16_t *input, int16_t *output);

#endif
