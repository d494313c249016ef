/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_LSTM_CELL_H
#define TFEDGE_LSTM_CELL_H

#include "tfedge_requantize.h"
#include "tfedge_sigmoid_s16.h"

/* What an LSTM computes between its gates' sums and its output, whatever the width of that:
 *
 *   gate[g] = activation(clamp(clamp(from_x[g]) + clamp(from_h[g])))
 *   cell    = clamp(clamp(requantize(forget * cell)) + clamp(requantize(input * candidate)))
 *   output  = requantize(tanh(cell) * output_gate)
 *
 * Gates come in the order input, forget, candidate (tanh), output. Before their activations they
 * are Q3.12, after them Q0.15; the cell is int16 with a scale that is a power of two. Source:
 * TFLite Micro's reference kernel; rounds twice. */
typedef struct tfedge_lstm_cell_params {
  const int16_t *sigmoid; /* [256], see tfedge_sigmoid_s16.h */
  int32_t input_shift;    /* from the gates' Q0.30 to the cell's scale */
  int32_t tanh_multiplier;
  int32_t tanh_shift;
  int32_t clip; /* 2^15: none */
  int32_t output_multiplier;
  int32_t output_shift;
} tfedge_lstm_cell_params;

/* Half, in Q0.31: what a power of two is multiplied by. */
#define TFEDGE_LSTM_HALF ((int32_t)1 << 30)

TFEDGE_INLINE int32_t tfedge_lstm_clamp(int32_t x) {
  return tfedge_clamp(x, INT16_MIN, INT16_MAX);
}

/* A gate before its activation, of what input and hidden state contribute. */
TFEDGE_INLINE int16_t tfedge_lstm_gate(int32_t from_x, int32_t from_h) {
  return (int16_t)tfedge_lstm_clamp(tfedge_lstm_clamp(from_x) + tfedge_lstm_clamp(from_h));
}

/* The cell of a unit after a step. */
TFEDGE_INLINE int16_t tfedge_lstm_cell(const tfedge_lstm_cell_params *params, int16_t cell,
                                       const int16_t gates[4]) {
  const int16_t *const table = params->sigmoid;
  const int32_t input = tfedge_sigmoid_s16(table, gates[0], 3, 0);
  const int32_t forget = tfedge_sigmoid_s16(table, gates[1], 3, 0);
  const int32_t candidate = tfedge_tanh_s16(table, gates[2], 3, 0);
  const int32_t kept = tfedge_requantize((int32_t)forget * cell, TFEDGE_LSTM_HALF, -14);
  const int32_t added = tfedge_requantize(input * candidate, TFEDGE_LSTM_HALF, params->input_shift);
  const int32_t sum = tfedge_lstm_clamp(kept) + tfedge_lstm_clamp(added);
  return (int16_t)tfedge_clamp(tfedge_lstm_clamp(sum), -params->clip, params->clip);
}

/* The output of a unit, less its zero point and before it is cut off. */
TFEDGE_INLINE int32_t tfedge_lstm_output(const tfedge_lstm_cell_params *params, int16_t cell,
                                         int16_t gate) {
  const int32_t squashed =
      tfedge_tanh_s16(params->sigmoid, cell, params->tanh_multiplier, params->tanh_shift);
  return tfedge_requantize(squashed * tfedge_sigmoid_s16(params->sigmoid, gate, 3, 0),
                           params->output_multiplier, params->output_shift);
}

#endif
