/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SVDF_F32_H
#define TFEDGE_SVDF_F32_H

#include "tfedge_real_f32.h"

/* SVDF on real numbers, one step of a sequence: [batches][depth] -> [batches][filters / rank], as
 * tfedge_svdf_s8.h has it for int8:
 *
 *   newest[f] = sum of F[f][k] * x[k], from k = 0 on
 *   output[u] = limit(bias[u] + (sum of T[f][i] * state[f][i], the oldest first), filter by filter)
 *
 * svdf_f16 has weights of half precision. Source: TFLite Micro's reference kernel on float. */
typedef struct tfedge_svdf_f32_params {
  int32_t batches;
  int32_t depth;
  int32_t filters;
  int32_t rank;
  int32_t memory;
  const void *feature_weights; /* F: [filters][depth], in the form of the kernel's name */
  const void *time_weights;    /* T: [filters][memory], likewise */
  const float *bias;           /* [filters / rank] */
  float output_min;
  float output_max;
} tfedge_svdf_f32_params;

/* What a filter makes of an input. */
TFEDGE_INLINE float tfedge_svdf_f32_feature(const tfedge_svdf_f32_params *params,
                                            tfedge_stored_f32 weight, const float *input,
                                            int32_t filter) {
  float sum = 0.0f;
  for (int32_t k = 0; k < params->depth; k++) {
    sum += weight(params->feature_weights, filter * params->depth + k) * input[k];
  }
  return sum;
}

/* A filter's state moves on by one, and is multiplied. */
TFEDGE_INLINE float tfedge_svdf_f32_filter(const tfedge_svdf_f32_params *params,
                                           tfedge_stored_f32 weight, float *state, int32_t filter,
                                           float newest) {
  const int32_t memory = params->memory;
  const int32_t first = filter * memory;
  float sum = 0.0f;
  for (int32_t i = 0; i < memory; i++) {
    const float value = i < memory - 1 ? state[i + 1] : newest;
    state[i] = value;
    sum += weight(params->time_weights, first + i) * value;
  }
  return sum;
}

/* state: [batches][filters][memory]; a sequence begins with zeros. weight is a literal. */
TFEDGE_INLINE void tfedge_svdf_f32_run(const tfedge_svdf_f32_params *params,
                                       tfedge_stored_f32 weight, const float *input, float *output,
                                       float *state) {
  const int32_t units = params->filters / params->rank;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t unit = 0; unit < units; unit++) {
      float sum = params->bias[unit];
      for (int32_t i = 0; i < params->rank; i++) {
        const int32_t filter = unit * params->rank + i;
        const float newest = tfedge_svdf_f32_feature(params, weight, input, filter);
        sum += tfedge_svdf_f32_filter(params, weight, state, filter, newest);
        state += params->memory;
      }
      output[unit] = tfedge_limit_f32(sum, params->output_min, params->output_max);
    }
    input += params->depth;
    output += units;
  }
}

TFEDGE_INLINE void tfedge_svdf_f32_inline(const tfedge_svdf_f32_params *params, const float *input,
                                          float *output, float *state) {
  tfedge_svdf_f32_run(params, tfedge_stored_f32_single, input, output, state);
}

TFEDGE_INLINE void tfedge_svdf_f16_inline(const tfedge_svdf_f32_params *params, const float *input,
                                          float *output, float *state) {
  tfedge_svdf_f32_run(params, tfedge_stored_f32_half, input, output, state);
}

void tfedge_svdf_f32(const tfedge_svdf_f32_params *params, const float *input, float *output,
                     float *state);
void tfedge_svdf_f16(const tfedge_svdf_f32_params *params, const float *input, float *output,
                     float *state);

#endif
