/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_LOGISTIC_TANH_S16_H
#define TFEDGE_LOGISTIC_TANH_S16_H

#include "tfedge_sigmoid_s16.h"

/* LOGISTIC and TANH on int16; output scale 1/32768, zero points 0. Works in place.
 * Source: TFLite Micro's reference LOGISTIC and TANH on int16. */
typedef struct tfedge_logistic_tanh_s16_params {
  int32_t elements;
  int32_t tanh;         /* 1: TANH, 0: LOGISTIC */
  int32_t multiplier;   /* 0..32767 */
  int32_t shift;        /* 0..31 to the right */
  const int16_t *table; /* [256], see tfedge_sigmoid_s16.h */
} tfedge_logistic_tanh_s16_params;

TFEDGE_INLINE void tfedge_logistic_tanh_s16_inline(const tfedge_logistic_tanh_s16_params *params,
                                                   const int16_t *input, int16_t *output) {
  const tfedge_logistic_tanh_s16_params local =
      *params; /* writes of results cannot change a copy */
  for (int32_t i = 0; i < local.elements; i++) {
    output[i] = local.tanh != 0
                    ? tfedge_tanh_s16(local.table, input[i], local.multiplier, local.shift)
                    : tfedge_sigmoid_s16(local.table, input[i], local.multiplier, local.shift);
  }
}

void tfedge_logistic_tanh_s16(const tfedge_logistic_tanh_s16_params *params, const int16_t *input,
                              int16_t *output);

#endif
