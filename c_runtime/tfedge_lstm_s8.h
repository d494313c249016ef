/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_LSTM_S8_H
#define TFEDGE_LSTM_S8_H

#include <string.h>

#include "tfedge_dot_s8.h"
#include "tfedge_lstm_cell.h"

/* UNIDIRECTIONAL_SEQUENCE_LSTM on int8: [steps][depth] -> [steps][units]. tfedge_lstm_s8 starts
 * from a state of zeros, whatever was computed before; tfedge_lstm_s8_continued from the state that
 * it is given, and leaves there the state after the last step. For each step, with x the input and
 * h the output of the step before, the gates that tfedge_lstm_cell.h goes on with are of
 *
 *   from_x[g] = requantize(bias[g] + W[g] x)   and   from_h[g] = requantize(R[g] h)
 *
 * Activations enter raw: zero points are folded into the biases. A unit's gates lie side by side,
 * so that each activation is loaded once for all four. From the second step on, h needs no memory:
 * it is the row of the output before. depth * 2^14 and units * 2^14 stay below 2^31. Source: TFLite
 * Micro's reference kernel; rounds twice. */
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
  tfedge_lstm_cell_params cell;
  int32_t output_zero_point;
} tfedge_lstm_s8_params;

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
    gates[gate] =
        tfedge_lstm_gate(tfedge_requantize(sum, params->multiplier[gate], params->shift[gate]),
                         tfedge_requantize(recurrent[gate], params->recurrent_multiplier[gate],
                                           params->recurrent_shift[gate]));
  }
}

/* One step of all units. */
TFEDGE_INLINE void tfedge_lstm_s8_step(const tfedge_lstm_s8_params *params, const int8_t *x,
                                       const int8_t *h, int16_t *cells, int8_t *output) {
  for (int32_t unit = 0; unit < params->units; unit++) {
    int16_t gates[4];
    tfedge_lstm_s8_gates(params, unit, x, h, gates);
    const int16_t cell = tfedge_lstm_cell(&params->cell, cells[unit], gates);
    const int32_t scaled = tfedge_lstm_output(&params->cell, cell, gates[3]);
    cells[unit] = cell;
    output[unit] = (int8_t)tfedge_clamp(scaled + params->output_zero_point, INT8_MIN, INT8_MAX);
  }
}

/* All steps; h is the output of the step before the first, NULL where it is all zeros. Returns the
 * output of the last step. */
TFEDGE_INLINE const int8_t *tfedge_lstm_s8_steps(const tfedge_lstm_s8_params *params,
                                                 const int8_t *input, const int8_t *h,
                                                 int16_t *cells, int8_t *output) {
  for (int32_t step = 0; step < params->steps; step++) {
    tfedge_lstm_s8_step(params, input, h, cells, output);
    h = output;
    input += params->depth;
    output += params->units;
  }
  return h;
}

/* cells: scratch of [units], its contents before do not matter. */
TFEDGE_INLINE void tfedge_lstm_s8_inline(const tfedge_lstm_s8_params *params, const int8_t *input,
                                         int8_t *output, void *scratch) {
  int16_t *const cells = (int16_t *)scratch;
  memset(cells, 0, (size_t)params->units * sizeof *cells);
  (void)tfedge_lstm_s8_steps(params, input, NULL, cells, output);
}

/* cells and hidden: [units], before the first step and afterwards after the last; a sequence begins
 * with cells of 0 and with hidden values of the output's zero point. */
TFEDGE_INLINE void tfedge_lstm_s8_continued_inline(const tfedge_lstm_s8_params *params,
                                                   const int8_t *input, int8_t *output,
                                                   int16_t *cells, int8_t *hidden) {
  const int8_t *const last = tfedge_lstm_s8_steps(params, input, hidden, cells, output);
  memcpy(hidden, last, (size_t)params->units);
}

void tfedge_lstm_s8(const tfedge_lstm_s8_params *params, const int8_t *input, int8_t *output,
                    void *scratch);

void tfedge_lstm_s8_continued(const tfedge_lstm_s8_params *params, const int8_t *input,
                              int8_t *output, int16_t *cells, int8_t *hidden);

#endif
