/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_LSTM_S16_H
#define TFEDGE_LSTM_S16_H

#include <string.h>

#include "tfedge_dot_s16.h"
#include "tfedge_lstm_cell.h"

/* UNIDIRECTIONAL_SEQUENCE_LSTM on int16 with int8 weights: [steps][depth] -> [steps][units], as
 * tfedge_lstm_s8.h has it for int8. All zero points are 0. Sums of the gates have 64 bits and wrap,
 * like the reference's, and are requantised by multipliers of 15 bits. Source: TFLite Micro's
 * reference kernel. */
typedef struct tfedge_lstm_s16_params {
  int32_t steps;
  int32_t depth;
  int32_t units;
  const int8_t *weights;           /* W: [units][4][depth] */
  const int64_t *bias;             /* [units][4] */
  const int8_t *recurrent_weights; /* R: [units][4][units] */
  int32_t multiplier[4];           /* to Q3.12, by gate */
  int32_t shift[4];
  int32_t recurrent_multiplier[4];
  int32_t recurrent_shift[4];
  tfedge_lstm_cell_params cell;
} tfedge_lstm_s16_params;

/* The four gates of a unit before their activations, in Q3.12; h is NULL where it is all zeros. */
TFEDGE_INLINE void tfedge_lstm_s16_gates(const tfedge_lstm_s16_params *params, int32_t unit,
                                         const int16_t *x, const int16_t *h, int16_t gates[4]) {
  int64_t sums[4] = {0, 0, 0, 0};
  int64_t recurrent[4] = {0, 0, 0, 0};
  tfedge_dot_s16_one_by_four(x, params->weights + unit * 4 * params->depth, params->depth, sums);
  if (h != NULL) {
    tfedge_dot_s16_one_by_four(h, params->recurrent_weights + unit * 4 * params->units,
                               params->units, recurrent);
  }
  for (int gate = 0; gate < 4; gate++) {
    const int64_t sum = (int64_t)((uint64_t)sums[gate] + (uint64_t)params->bias[unit * 4 + gate]);
    gates[gate] =
        tfedge_lstm_gate(tfedge_requantize_wide(sum, params->multiplier[gate], params->shift[gate]),
                         tfedge_requantize_wide(recurrent[gate], params->recurrent_multiplier[gate],
                                                params->recurrent_shift[gate]));
  }
}

/* One step of all units. */
TFEDGE_INLINE void tfedge_lstm_s16_step(const tfedge_lstm_s16_params *params, const int16_t *x,
                                        const int16_t *h, int16_t *cells, int16_t *output) {
  for (int32_t unit = 0; unit < params->units; unit++) {
    int16_t gates[4];
    tfedge_lstm_s16_gates(params, unit, x, h, gates);
    const int16_t cell = tfedge_lstm_cell(&params->cell, cells[unit], gates);
    cells[unit] = cell;
    output[unit] = (int16_t)tfedge_lstm_clamp(tfedge_lstm_output(&params->cell, cell, gates[3]));
  }
}

/* All steps; h is the output of the step before the first, NULL where it is all zeros. Returns the
 * output of the last step. */
TFEDGE_INLINE const int16_t *tfedge_lstm_s16_steps(const tfedge_lstm_s16_params *params,
                                                   const int16_t *input, const int16_t *h,
                                                   int16_t *cells, int16_t *output) {
  for (int32_t step = 0; step < params->steps; step++) {
    tfedge_lstm_s16_step(params, input, h, cells, output);
    h = output;
    input += params->depth;
    output += params->units;
  }
  return h;
}

/* cells: scratch of [units], its contents before do not matter. */
TFEDGE_INLINE void tfedge_lstm_s16_inline(const tfedge_lstm_s16_params *params,
                                          const int16_t *input, int16_t *output, void *scratch) {
  int16_t *const cells = (int16_t *)scratch;
  memset(cells, 0, (size_t)params->units * sizeof *cells);
  (void)tfedge_lstm_s16_steps(params, input, NULL, cells, output);
}

/* cells and hidden: [units], before the first step and afterwards after the last; a sequence begins
 * with zeros. */
TFEDGE_INLINE void tfedge_lstm_s16_continued_inline(const tfedge_lstm_s16_params *params,
                                                    const int16_t *input, int16_t *output,
                                                    int16_t *cells, int16_t *hidden) {
  const int16_t *const last = tfedge_lstm_s16_steps(params, input, hidden, cells, output);
  memcpy(hidden, last, (size_t)params->units * sizeof *hidden);
}

void tfedge_lstm_s16(const tfedge_lstm_s16_params *params, const int16_t *input, int16_t *output,
                     void *scratch);

void tfedge_lstm_s16_continued(const tfedge_lstm_s16_params *params, const int16_t *input,
                               int16_t *output, int16_t *cells, int16_t *hidden);

#endif
