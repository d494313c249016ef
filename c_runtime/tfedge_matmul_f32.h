/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_MATMUL_F32_H
#define TFEDGE_MATMUL_F32_H

#include "tfedge_real_f32.h"

/* Rows of real numbers times a matrix of stored ones, [channels][depth].
 *
 *   output = limit((sum of input[k] * weights[k], from k = 0 on) + bias)
 *
 * Source: TFLite Micro's reference FULLY_CONNECTED and CONV_2D on float. */
typedef struct tfedge_matmul_f32_params {
  int32_t depth;
  int32_t channels;
  const void *weights; /* [channels][depth], in the form of the kernel's name */
  const float *bias;   /* [channels] */
  float output_min;
  float output_max;
} tfedge_matmul_f32_params;

/* Four channels at a time from `channel` on, which share what is loaded of the input. */
TFEDGE_INLINE void tfedge_matmul_f32_four(const tfedge_matmul_f32_params *params,
                                          tfedge_stored_f32 weight, const float *input,
                                          int32_t channel, float *output) {
  const int32_t depth = params->depth;
  const int32_t first = channel * depth;
  float sum0 = 0.0f;
  float sum1 = 0.0f;
  float sum2 = 0.0f;
  float sum3 = 0.0f;
  for (int32_t k = 0; k < depth; k++) {
    const float value = input[k];
    sum0 += value * weight(params->weights, first + k);
    sum1 += value * weight(params->weights, first + depth + k);
    sum2 += value * weight(params->weights, first + 2 * depth + k);
    sum3 += value * weight(params->weights, first + 3 * depth + k);
  }
  const float *const bias = params->bias + channel;
  output[channel] = tfedge_limit_f32(sum0 + bias[0], params->output_min, params->output_max);
  output[channel + 1] = tfedge_limit_f32(sum1 + bias[1], params->output_min, params->output_max);
  output[channel + 2] = tfedge_limit_f32(sum2 + bias[2], params->output_min, params->output_max);
  output[channel + 3] = tfedge_limit_f32(sum3 + bias[3], params->output_min, params->output_max);
}

TFEDGE_INLINE void tfedge_matmul_f32_one(const tfedge_matmul_f32_params *params,
                                         tfedge_stored_f32 weight, const float *input,
                                         int32_t channel, float *output) {
  float sum = 0.0f;
  for (int32_t k = 0; k < params->depth; k++) {
    sum += input[k] * weight(params->weights, channel * params->depth + k);
  }
  output[channel] =
      tfedge_limit_f32(sum + params->bias[channel], params->output_min, params->output_max);
}

/* One row; weight is a literal, so that it is inlined into the innermost loop. */
TFEDGE_INLINE void tfedge_matmul_f32_row(const tfedge_matmul_f32_params *params,
                                         tfedge_stored_f32 weight, const float *input,
                                         float *output) {
  /* A remainder that compilers see is none, where the number of channels is a literal. */
  const int32_t fours = params->channels - params->channels % 4;
  for (int32_t channel = 0; channel < fours; channel += 4) {
    tfedge_matmul_f32_four(params, weight, input, channel, output);
  }
  for (int32_t channel = fours; channel < params->channels; channel++) {
    tfedge_matmul_f32_one(params, weight, input, channel, output);
  }
}

#endif
