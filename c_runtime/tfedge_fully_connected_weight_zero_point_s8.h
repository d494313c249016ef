/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FULLY_CONNECTED_WEIGHT_ZERO_POINT_S8_H
#define TFEDGE_FULLY_CONNECTED_WEIGHT_ZERO_POINT_S8_H

#include "tfedge_requantize.h"

/* FULLY_CONNECTED with weights [channels][depth] that have a zero point or are known at run time
 * only: [rows][depth] -> [rows][channels]. depth * 255^2 stays below 2^31.
 *
 * With step_count 0, sums are requantised, rounding twice. Source: TFLite Micro's reference
 * FULLY_CONNECTED on int8. Else the result is output_min plus the number of steps that the sum
 * reaches: uint8 models, all integers less 128, whose reference scales the sum in double precision
 * and rounds halves away from zero. Source: LiteRT's reference FULLY_CONNECTED on uint8. */
typedef struct tfedge_fully_connected_weight_zero_point_s8_params {
  int32_t rows;
  int32_t depth;
  int32_t channels;
  int32_t input_zero_point;
  int32_t weights_zero_point;
  const int32_t *bias; /* [channels] */
  int32_t multiplier;
  int32_t shift; /* positive to the left */
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
  int32_t step_count;   /* 0..255 */
  const int32_t *steps; /* [step_count], ascending: the least sum of each result */
} tfedge_fully_connected_weight_zero_point_s8_params;

/* How many steps a sum reaches, by bisection. */
TFEDGE_INLINE int32_t tfedge_fully_connected_weight_zero_point_s8_steps(
    const tfedge_fully_connected_weight_zero_point_s8_params *params, int32_t sum) {
  int32_t low = 0;
  int32_t high = params->step_count;
  while (low < high) {
    const int32_t middle = (low + high) / 2;
    if (sum >= params->steps[middle]) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

TFEDGE_INLINE int8_t tfedge_fully_connected_weight_zero_point_s8_output(
    const tfedge_fully_connected_weight_zero_point_s8_params *params, int32_t sum) {
  if (params->step_count > 0) {
    return (int8_t)(params->output_min +
                    tfedge_fully_connected_weight_zero_point_s8_steps(params, sum));
  }
  const int32_t scaled = tfedge_requantize(sum, params->multiplier, params->shift);
  return (int8_t)tfedge_clamp(tfedge_wrapping_add(scaled, params->output_zero_point),
                              params->output_min, params->output_max);
}

TFEDGE_INLINE void tfedge_fully_connected_weight_zero_point_s8_inline(
    const tfedge_fully_connected_weight_zero_point_s8_params *params, const int8_t *input,
    const int8_t *weights, int8_t *output) {
  for (int32_t row = 0; row < params->rows; row++) {
    const int8_t *w = weights;
    for (int32_t channel = 0; channel < params->channels; channel++) {
      int32_t sum = 0;
      for (int32_t k = 0; k < params->depth; k++) {
        sum += (input[k] - params->input_zero_point) * (w[k] - params->weights_zero_point);
      }
      sum = tfedge_wrapping_add(sum, params->bias[channel]);
      *output++ = tfedge_fully_connected_weight_zero_point_s8_output(params, sum);
      w += params->depth;
    }
    input += params->depth;
  }
}

void tfedge_fully_connected_weight_zero_point_s8(
    const tfedge_fully_connected_weight_zero_point_s8_params *params, const int8_t *input,
    const int8_t *weights, int8_t *output);

#endif
