/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_LSTM_UNIT_F32_H
#define TFEDGE_LSTM_UNIT_F32_H

#include "tfedge_unary_f32.h"

/* What an LSTM on real numbers makes of the sums of a unit's four gates, which come in the order
 * input, forget, candidate (tanh), output:
 *
 *   cell   = limit(cell * forget + input * candidate)
 *   output = tanh(cell) * output_gate
 *
 * clip: of the cell; the largest number for none. Source: TFLite Micro's reference kernel on
 * float. */
TFEDGE_INLINE float tfedge_lstm_unit_f32(const float gates[4], float clip, float *cell) {
  const float kept = *cell * tfedge_logistic_f32_of(gates[1]);
  const float added = tfedge_logistic_f32_of(gates[0]) * tanhf(gates[2]);
  *cell = tfedge_limit_f32(kept + added, -clip, clip);
  return tanhf(*cell) * tfedge_logistic_f32_of(gates[3]);
}

#endif
