/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_LSTM_F32_H
#define TFEDGE_LSTM_F32_H

#include "tfedge_lstm_unit_f32.h"

/* UNIDIRECTIONAL_SEQUENCE_LSTM on real numbers: [steps][depth] -> [steps][units].
 *
 *   gate[g] = (sum of W[g] x + bias[g]) + sum of R[g] h
 *
 * What is made of the gates: tfedge_lstm_unit_f32.h, which has their order, too. lstm_f16 has
 * weights of half precision. Source: TFLite Micro's reference kernel on float. */
typedef struct tfedge_lstm_f32_params {
  int32_t steps;
  int32_t depth;
  int32_t units;
  const void *weights;           /* W: [units][4][depth], in the form of the kernel's name */
  const float *bias;             /* [units][4] */
  const void *recurrent_weights; /* R: [units][4][units], likewise */
  float clip;                    /* of the cell; the largest number for none */
} tfedge_lstm_f32_params;

/* The sums of a unit's four gates over one of their two operands, from weight `first` on. */
TFEDGE_INLINE void tfedge_lstm_f32_sums(tfedge_stored_f32 weight, const void *weights,
                                        int32_t first, const float *values, int32_t depth,
                                        float sums[4]) {
  for (int gate = 0; gate < 4; gate++) {
    sums[gate] = 0.0f;
  }
  for (int32_t k = 0; k < depth; k++) {
    for (int gate = 0; gate < 4; gate++) {
      sums[gate] += values[k] * weight(weights, first + gate * depth + k);
    }
  }
}

/* One step of all units; h and output do not overlap. weight is a literal. */
TFEDGE_INLINE void tfedge_lstm_f32_step(const tfedge_lstm_f32_params *params,
                                        tfedge_stored_f32 weight, const float *x, const float *h,
                                        float *cells, float *output) {
  const int32_t depth = params->depth;
  const int32_t units = params->units;
  for (int32_t unit = 0; unit < units; unit++) {
    float from_x[4];
    float from_h[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    float gates[4];
    tfedge_lstm_f32_sums(weight, params->weights, unit * 4 * depth, x, depth, from_x);
    if (h != NULL) {
      tfedge_lstm_f32_sums(weight, params->recurrent_weights, unit * 4 * units, h, units, from_h);
    }
    for (int gate = 0; gate < 4; gate++) {
      gates[gate] = (from_x[gate] + params->bias[unit * 4 + gate]) + from_h[gate];
    }
    output[unit] = tfedge_lstm_unit_f32(gates, params->clip, &cells[unit]);
  }
}

/* All steps; h is the output of the step before the first, NULL where it is all zeros. Returns the
 * output of the last step. */
TFEDGE_INLINE const float *tfedge_lstm_f32_steps(const tfedge_lstm_f32_params *params,
                                                 tfedge_stored_f32 weight, const float *input,
                                                 const float *h, float *cells, float *output) {
  for (int32_t step = 0; step < params->steps; step++) {
    tfedge_lstm_f32_step(params, weight, input, h, cells, output);
    h = output;
    input += params->depth;
    output += params->units;
  }
  return h;
}

/* cells: scratch of [units], its contents before do not matter. */
TFEDGE_INLINE void tfedge_lstm_f32_begun(const tfedge_lstm_f32_params *params,
                                         tfedge_stored_f32 weight, const float *input,
                                         float *output, void *scratch) {
  float *const cells = (float *)scratch;
  memset(cells, 0, (size_t)params->units * sizeof *cells);
  (void)tfedge_lstm_f32_steps(params, weight, input, NULL, cells, output);
}

/* cells and hidden: [units], before the first step and afterwards after the last; a sequence begins
 * with zeros. */
TFEDGE_INLINE void tfedge_lstm_f32_resumed(const tfedge_lstm_f32_params *params,
                                           tfedge_stored_f32 weight, const float *input,
                                           float *output, float *cells, float *hidden) {
  const float *const last = tfedge_lstm_f32_steps(params, weight, input, hidden, cells, output);
  memcpy(hidden, last, (size_t)params->units * sizeof *hidden);
}

TFEDGE_INLINE void tfedge_lstm_f32_inline(const tfedge_lstm_f32_params *params, const float *input,
                                          float *output, void *scratch) {
  tfedge_lstm_f32_begun(params, tfedge_stored_f32_single, input, output, scratch);
}

TFEDGE_INLINE void tfedge_lstm_f32_continued_inline(const tfedge_lstm_f32_params *params,
                                                    const float *input, float *output, float *cells,
                                                    float *hidden) {
  tfedge_lstm_f32_resumed(params, tfedge_stored_f32_single, input, output, cells, hidden);
}

TFEDGE_INLINE void tfedge_lstm_f16_inline(const tfedge_lstm_f32_params *params, const float *input,
                                          float *output, void *scratch) {
  tfedge_lstm_f32_begun(params, tfedge_stored_f32_half, input, output, scratch);
}

TFEDGE_INLINE void tfedge_lstm_f16_continued_inline(const tfedge_lstm_f32_params *params,
                                                    const float *input, float *output, float *cells,
                                                    float *hidden) {
  tfedge_lstm_f32_resumed(params, tfedge_stored_f32_half, input, output, cells, hidden);
}

void tfedge_lstm_f32(const tfedge_lstm_f32_params *params, const float *input, float *output,
                     void *scratch);
void tfedge_lstm_f32_continued(const tfedge_lstm_f32_params *params, const float *input,
                               float *output, float *cells, float *hidden);
void tfedge_lstm_f16(const tfedge_lstm_f32_params *params, const float *input, float *output,
                     void *scratch);
void tfedge_lstm_f16_continued(const tfedge_lstm_f32_params *params, const float *input,
                               float *output, float *cells, float *hidden);

#endif
