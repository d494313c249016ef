/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FULLY_CONNECTED_DYNAMIC_H
#define TFEDGE_FULLY_CONNECTED_DYNAMIC_H

#include "tfedge_dot_s8.h"
#include "tfedge_dynamic_range.h"

/* FULLY_CONNECTED on real numbers with int8 weights: each row of [rows][depth] becomes int8 by a
 * scale of its own, is multiplied with the weights in integers, and the sums become real again:
 *
 *   output = limit(bias + sum * (scale of the row * scale of the weights))
 *
 * scratch: depth bytes. Source: LiteRT's reference FULLY_CONNECTED with hybrid types. */
typedef struct tfedge_fully_connected_dynamic_params {
  int32_t rows;
  int32_t depth;
  int32_t channels;
  int32_t asymmetric;         /* 1: rows have a zero point */
  const int8_t *weights;      /* [channels][depth] */
  const int32_t *weight_sums; /* [channels], of each channel's weights */
  const float *weight_scales; /* [channels], or [1] if channel_step is 0 */
  int32_t channel_step;
  const float *bias; /* [channels] */
  float output_min;
  float output_max;
} tfedge_fully_connected_dynamic_params;

/* The output of a channel, of the sum of its products. */
TFEDGE_INLINE float tfedge_fully_connected_dynamic_one(
    const tfedge_fully_connected_dynamic_params *params, tfedge_dynamic_range range,
    int32_t channel, int32_t sum) {
  const float scale = range.scale * params->weight_scales[channel * params->channel_step];
  const int32_t centred = sum - range.zero_point * params->weight_sums[channel];
  return tfedge_limit_f32(params->bias[channel] + (float)centred * scale, params->output_min,
                          params->output_max);
}

TFEDGE_INLINE void tfedge_fully_connected_dynamic_row(
    const tfedge_fully_connected_dynamic_params *params, const int8_t *row,
    tfedge_dynamic_range range, float *output) {
  int32_t channel = 0;
  for (; channel + 4 <= params->channels; channel += 4) {
    int32_t sums[4] = {0, 0, 0, 0};
    tfedge_dot_s8_one_by_four(row, params->weights + channel * params->depth, params->depth, sums);
    for (int32_t i = 0; i < 4; i++) {
      output[channel + i] = tfedge_fully_connected_dynamic_one(params, range, channel + i, sums[i]);
    }
  }
  for (; channel < params->channels; channel++) {
    int32_t sum = 0;
    for (int32_t k = 0; k < params->depth; k++) {
      sum += row[k] * params->weights[channel * params->depth + k];
    }
    output[channel] = tfedge_fully_connected_dynamic_one(params, range, channel, sum);
  }
}

TFEDGE_INLINE void tfedge_fully_connected_dynamic_inline(
    const tfedge_fully_connected_dynamic_params *params, const float *input, float *output,
    void *scratch) {
  int8_t *const row = (int8_t *)scratch;
  for (int32_t i = 0; i < params->rows; i++) {
    const tfedge_dynamic_range range =
        params->asymmetric != 0 ? tfedge_dynamic_range_asymmetric(input, params->depth, row)
                                : tfedge_dynamic_range_symmetric(input, params->depth, row);
    tfedge_fully_connected_dynamic_row(params, row, range, output);
    input += params->depth;
    output += params->channels;
  }
}

void tfedge_fully_connected_dynamic(const tfedge_fully_connected_dynamic_params *params,
                                    const float *input, float *output, void *scratch);

#endif
