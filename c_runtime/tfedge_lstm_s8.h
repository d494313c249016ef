/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_LSTM_S8_H
#define TFEDGE_LSTM_S8_H

#include <string.h>

#include "tfedge_dot_s8.h"
#include "tfedge_requantize.h"
#include "tfedge_sigmoid_s16.h"

/* UNIDIRECTIONAL_SEQUENCE_LSTM on int8: [steps][depth] -> [steps][units], from a state of zeros,
 * whatever was computed before. For each step, with x the input and h the output of the step
 * before:
 *
 *   gate[g] = activation(clamp(requantize(bias[g] + W[g] x)) + clamp(requantize(R[g] h)))  in Q3.12
 *   cell    = clamp(clamp(requantize(forget * cell)) + clamp(requantize(input * candidate)))
 *   output  = clamp(zero_point + requantize(tanh(cell) * output_gate))
 *
 * Gates come in the order input, forget, candidate (tanh), output; they are Q0.15, the cell is
 * int16 with a scale that is a power of two. Activations enter raw: zero points are folded into the
 * biases. A unit's gates lie side by side, so that each activation is loaded once for all four. The
 * state h needs no memory: it is the row of the output before. depth * 2^14 and units * 2^14 stay
 * below 2^31. Source: TFLite Micro's reference kernel; rounds twice. */
typedef struct tfedge_lstm_s8_params {
  int32_t steps;
  int32_t depth;
  int32_t units;
  const int8_t *weights;           /* W: [units][4][depth] */
  const int32_t *bias;             /* [units][4] */
  const int8_t *recurrent_weights; /* R: [units][4][units] */
  const int32_t *recurrent_bias;   /* [units][4] */
  int32_t multiplier[4];           /* to Q3.12, by gate */
  int32_t shift[4];
  int32_t recurrent_multiplier[4];
  int32_t recurrent_shift[4];
  const int16_t *sigmoid; /* [256], see tfedge_sigmoid_s16.h */
  int32_t input_shift;    /* from the gates' Q0.30 to the cell's scale */
  int32_t tanh_multiplier;
  int32_t tanh_shift;
  int32_t cell_clip; /* 2^15: none */
  int32_t output_multiplier;
  int32_t output_shift;
  int32_t output_zero_point;
} tfedge_lstm_s8_params;

/* Half, in Q0.31: what a power of two is multiplied by. */
#define TFEDGE_LSTM_S8_HALF ((int32_t)1 << 30)

TFEDGE_INLINE int32_t tfedge_lstm_s8_clamp(int32_t x) {
  return tfedge_clamp(x, INT16_MIN, INT16_MAX);
}

/* The four gates of a unit before their activations, in Q3.12; h is NULL where it is all zeros. */
TFEDGE_INLINE void tfedge_lstm_s8_gates(const tfedge_lstm_s8_params *params, int32_t unit,
                                        const int8_t *x, const int8_t *h, int16_t gates[4]) {
  int32_t sums[4] = {0, 0, 0, 0};
  int32_t recurrent[4] = {0, 0, 0, 0};
  tfedge_dot_s8_one_by_four(x, params->weights + unit * 4 * params->depth, params->depth, sums);
  if (h != NULL) {
    tfedge_dot_s8_one_by_four(h, params->recurrent_weights + unit * 4 * params->units,
                              params->units, recurrent);
    for (int gate = 0; gate < 4; gate++) {
      recurrent[gate] =
          tfedge_wrapping_add(recurrent[gate], params->recurrent_bias[unit * 4 + gate]);
    }
  }
  for (int gate = 0; gate < 4; gate++) {
    const int32_t sum = tfedge_wrapping_add(sums[gate], params->bias[unit * 4 + gate]);
    const int32_t from_x =
        tfedge_lstm_s8_clamp(tfedge_requantize(sum, params->multiplier[gate], params->shift[gate]));
    const int32_t from_h = tfedge_lstm_s8_clamp(tfedge_requantize(
        recurrent[gate], params->recurrent_multiplier[gate], params->recurrent_shift[gate]));
    gates[gate] = (int16_t)tfedge_lstm_s8_clamp(from_x + from_h);
  }
}

/* The cell of a unit after a step. */
TFEDGE_INLINE int16_t tfedge_lstm_s8_cell(const tfedge_lstm_s8_params *params, int16_t cell,
                                          const int16_t gates[4]) {
  const int16_t *const table = params->sigmoid;
  const int32_t input = tfedge_sigmoid_s16(table, gates[0], 3, 0);
  const int32_t forget = tfedge_sigmoid_s16(table, gates[1], 3, 0);
  const int32_t candidate = tfedge_tanh_s16(table, gates[2], 3, 0);
  const int32_t kept = tfedge_requantize(forget * cell, TFEDGE_LSTM_S8_HALF, -14);
  const int32_t added =
      tfedge_requantize(input * candidate, TFEDGE_LSTM_S8_HALF, params->input_shift);
  const int32_t sum = tfedge_lstm_s8_clamp(kept) + tfedge_lstm_s8_clamp(added);
  return (int16_t)tfedge_clamp(tfedge_lstm_s8_clamp(sum), -params->cell_clip, params->cell_clip);
}

/* One step of all units. */
TFEDGE_INLINE void tfedge_lstm_s8_step(const tfedge_lstm_s8_params *params, const int8_t *x,
                                       const int8_t *h, int16_t *cells, int8_t *output) {
  for (int32_t unit = 0; unit < params->units; unit++) {
    int16_t gates[4];
    tfedge_lstm_s8_gates(params, unit, x, h, gates);
    const int16_t cell = tfedge_lstm_s8_cell(params, cells[unit], gates);
    const int32_t squashed =
        tfedge_tanh_s16(params->sigmoid, cell, params->tanh_multiplier, params->tanh_shift);
    const int32_t scaled =
        tfedge_requantize(squashed * tfedge_sigmoid_s16(params->sigmoid, gates[3], 3, 0),
                          params->output_multiplier, params->output_shift);
    cells[unit] = cell;
    output[unit] = (int8_t)tfedge_clamp(scaled + params->output_zero_point, INT8_MIN, INT8_MAX);
  }
}

/* cells: scratch of [units], its contents before do not matter. */
TFEDGE_INLINE void tfedge_lstm_s8_inline(const tfedge_lstm_s8_params *params, const int8_t *input,
                                         int8_t *output, void *scratch) {
  int16_t *const cells = (int16_t *)scratch;
  memset(cells, 0, (size_t)params->units * sizeof *cells);
  tfedge_lstm_s8_step(params, input, NULL, cells, output);
  for (int32_t step = 1; step < params->steps; step++) {
    input += params->depth;
    tfedge_lstm_s8_step(params, input, output, cells, output + params->units);
    output += params->units;
  }
}

void tfedge_lstm_s8(const tfedge_lstm_s8_params *params, const int8_t *input, int8_t *output,
                    void *scratch);

#endif
