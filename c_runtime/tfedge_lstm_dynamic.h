/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_LSTM_DYNAMIC_H
#define TFEDGE_LSTM_DYNAMIC_H

#include "tfedge_dot_s8.h"
#include "tfedge_dynamic_range.h"
#include "tfedge_lstm_unit_f32.h"

/* UNIDIRECTIONAL_SEQUENCE_LSTM on real numbers with int8 weights: [steps][depth] ->
 * [steps][units]. At each step x and h become int8, each by a scale of its own, and are multiplied
 * with the weights in integers:
 *
 *   gate[g] = (bias[g] + sum of W[g] x * (scale of x * scale of W[g]))
 *             + sum of R[g] h * (scale of h * scale of R[g])
 *
 * What is made of the gates: tfedge_lstm_unit_f32.h, which has their order, too. Source: LiteRT's
 * reference kernel with hybrid types, whose exp and tanh are approximations; these are the C
 * library's. */
typedef struct tfedge_lstm_dynamic_params {
  int32_t steps;
  int32_t depth;
  int32_t units;
  int32_t asymmetric;              /* 1: x and h have zero points */
  const int8_t *weights;           /* W: [units][4][depth] */
  const int32_t *weight_sums;      /* [units][4], over depth */
  float weight_scales[4];          /* of each gate */
  const float *bias;               /* [units][4] */
  const int8_t *recurrent_weights; /* R: [units][4][units] */
  const int32_t *recurrent_sums;   /* [units][4] */
  float recurrent_scales[4];
  float clip; /* of the cell; the largest number for none */
} tfedge_lstm_dynamic_params;

/* Adds what one of its two operands contributes to the four gates of a unit. weights: [4][depth],
 * sums of these: [4]. */
TFEDGE_INLINE void tfedge_lstm_dynamic_add(const int8_t *values, tfedge_dynamic_range range,
                                           int32_t depth, const int8_t *weights,
                                           const int32_t *sums_of_weights, const float scales[4],
                                           float gates[4]) {
  int32_t sums[4] = {0, 0, 0, 0};
  tfedge_dot_s8_one_by_four(values, weights, depth, sums);
  for (int gate = 0; gate < 4; gate++) {
    const int32_t centred = sums[gate] - range.zero_point * sums_of_weights[gate];
    gates[gate] += (float)centred * (range.scale * scales[gate]);
  }
}

/* Gives values as integers. */
TFEDGE_INLINE tfedge_dynamic_range tfedge_lstm_dynamic_range(
    const tfedge_lstm_dynamic_params *params, const float *values, int32_t size, int8_t *integers) {
  return params->asymmetric != 0 ? tfedge_dynamic_range_asymmetric(values, size, integers)
                                 : tfedge_dynamic_range_symmetric(values, size, integers);
}

/* One step of all units; h and output do not overlap. integers: [depth + units]. */
TFEDGE_INLINE void tfedge_lstm_dynamic_step(const tfedge_lstm_dynamic_params *params,
                                            const float *x, const float *h, float *cells,
                                            float *output, int8_t *integers) {
  const int32_t depth = params->depth;
  const int32_t units = params->units;
  int8_t *const from_h = integers + depth;
  tfedge_dynamic_range h_range = {1.0f, 0};
  const tfedge_dynamic_range x_range = tfedge_lstm_dynamic_range(params, x, depth, integers);
  if (h != NULL) {
    h_range = tfedge_lstm_dynamic_range(params, h, units, from_h);
  }
  for (int32_t unit = 0; unit < units; unit++) {
    const int32_t first = unit * 4;
    float gates[4];
    for (int gate = 0; gate < 4; gate++) {
      gates[gate] = params->bias[first + gate];
    }
    tfedge_lstm_dynamic_add(integers, x_range, depth, params->weights + first * depth,
                            params->weight_sums + first, params->weight_scales, gates);
    if (h != NULL) {
      tfedge_lstm_dynamic_add(from_h, h_range, units, params->recurrent_weights + first * units,
                              params->recurrent_sums + first, params->recurrent_scales, gates);
    }
    output[unit] = tfedge_lstm_unit_f32(gates, params->clip, &cells[unit]);
  }
}

/* All steps; h is the output of the step before the first, NULL where it is all zeros. Returns the
 * output of the last step. */
TFEDGE_INLINE const float *tfedge_lstm_dynamic_steps(const tfedge_lstm_dynamic_params *params,
                                                     const float *input, const float *h,
                                                     float *cells, float *output,
                                                     int8_t *integers) {
  for (int32_t step = 0; step < params->steps; step++) {
    tfedge_lstm_dynamic_step(params, input, h, cells, output, integers);
    h = output;
    input += params->depth;
    output += params->units;
  }
  return h;
}

/* scratch: float [units], then depth + units bytes; its contents before do not matter. */
TFEDGE_INLINE void tfedge_lstm_dynamic_inline(const tfedge_lstm_dynamic_params *params,
                                              const float *input, float *output, void *scratch) {
  float *const cells = (float *)scratch;
  memset(cells, 0, (size_t)params->units * sizeof *cells);
  (void)tfedge_lstm_dynamic_steps(params, input, NULL, cells, output,
                                  (int8_t *)(cells + params->units));
}

/* scratch: depth + units bytes. cells and hidden: [units], before the first step and afterwards
 * after the last; a sequence begins with zeros. */
TFEDGE_INLINE void tfedge_lstm_dynamic_continued_inline(const tfedge_lstm_dynamic_params *params,
                                                        const float *input, float *output,
                                                        void *scratch, float *cells,
                                                        float *hidden) {
  const float *const last =
      tfedge_lstm_dynamic_steps(params, input, hidden, cells, output, (int8_t *)scratch);
  memcpy(hidden, last, (size_t)params->units * sizeof *hidden);
}

void tfedge_lstm_dynamic(const tfedge_lstm_dynamic_params *params, const float *input,
                         float *output, void *scratch);
void tfedge_lstm_dynamic_continued(const tfedge_lstm_dynamic_params *params, const float *input,
                                   float *output, void *scratch, float *cells, float *hidden);

#endif
