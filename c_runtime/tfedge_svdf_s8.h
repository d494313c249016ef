/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SVDF_S8_H
#define TFEDGE_SVDF_S8_H

#include "tfedge_dot_s8.h"
#include "tfedge_requantize.h"

/* SVDF on int8, one step of a sequence: [batches][depth] -> [batches][filters / rank]. A filter
 * keeps what it made of the last `memory` inputs, the newest behind the others:
 *
 *   newest[f] = zero_point + clamp(requantize(F[f] (x - input_zero_point)))
 *   output[u] = clamp(requantize(bias[u] + sum over the filters of u of T[f] (state[f] -
 *               zero_point)) + output_zero_point)
 *
 * with F the feature weights, T the time weights, and `rank` filters a unit. Activations and states
 * enter raw: zero points are folded into the biases. svdf_s8_s16 keeps its state in int16, with
 * time weights in int16 and a zero point of 0, svdf_s8_s8 in int8, where a newest value beyond the
 * type wraps. Sums wrap, like the reference's. depth * 2^14 stays below 2^31. Source: TFLite
 * Micro's reference kernel, which does not clip integers to its fused activation; rounds twice. */
typedef struct tfedge_svdf_s8_params {
  int32_t batches;
  int32_t depth;
  int32_t filters;
  int32_t rank;
  int32_t memory;
  const int8_t *feature_weights; /* F: [filters][depth] */
  const int32_t *feature_bias;   /* [filters] */
  const void *time_weights;      /* T: [filters][memory], of the state's type */
  const int32_t *bias;           /* [filters / rank] */
  int32_t feature_multiplier;    /* to the state's scale */
  int32_t feature_shift;
  int32_t state_zero_point;
  int32_t multiplier; /* to the output's scale */
  int32_t shift;
  int32_t output_zero_point;
} tfedge_svdf_s8_params;

/* What a filter makes of an input, less the state's zero point and within a type's limits. */
TFEDGE_INLINE int32_t tfedge_svdf_s8_feature(const tfedge_svdf_s8_params *params, int32_t sum,
                                             int32_t filter, int32_t least, int32_t largest) {
  const int32_t biased = tfedge_wrapping_add(sum, params->feature_bias[filter]);
  return tfedge_clamp(tfedge_requantize(biased, params->feature_multiplier, params->feature_shift),
                      least, largest);
}

/* What four filters from `filter` on make of an input. */
TFEDGE_INLINE void tfedge_svdf_s8_four(const tfedge_svdf_s8_params *params, const int8_t *input,
                                       int32_t filter, int32_t least, int32_t largest,
                                       int32_t features[4]) {
  int32_t sums[4] = {0, 0, 0, 0};
  tfedge_dot_s8_one_by_four(input, params->feature_weights + filter * params->depth, params->depth,
                            sums);
  for (int32_t i = 0; i < 4; i++) {
    features[i] = tfedge_svdf_s8_feature(params, sums[i], filter + i, least, largest);
  }
}

/* The same of one filter. */
TFEDGE_INLINE int32_t tfedge_svdf_s8_one(const tfedge_svdf_s8_params *params, const int8_t *input,
                                         int32_t filter, int32_t least, int32_t largest) {
  int32_t sum = 0;
  for (int32_t k = 0; k < params->depth; k++) {
    sum += input[k] * params->feature_weights[filter * params->depth + k];
  }
  return tfedge_svdf_s8_feature(params, sum, filter, least, largest);
}

/* A unit's output of its filters' sums, the bias among them. */
TFEDGE_INLINE int8_t tfedge_svdf_s8_output(const tfedge_svdf_s8_params *params, int32_t sum) {
  const int32_t scaled = tfedge_requantize(sum, params->multiplier, params->shift);
  return (int8_t)tfedge_clamp(scaled + params->output_zero_point, INT8_MIN, INT8_MAX);
}

/* A filter's state moves on by one, and is multiplied. The newest value lies where the oldest was.
 */
TFEDGE_INLINE int32_t tfedge_svdf_s8_filter_s16(const int16_t *weights, int16_t *state,
                                                int32_t memory, int32_t sum) {
  const int16_t newest = state[0];
  for (int32_t i = 0; i < memory - 1; i++) {
    const int16_t value = state[i + 1];
    state[i] = value;
    sum = tfedge_wrapping_add(sum, (int32_t)value * weights[i]);
  }
  state[memory - 1] = newest;
  return tfedge_wrapping_add(sum, (int32_t)newest * weights[memory - 1]);
}

TFEDGE_INLINE int32_t tfedge_svdf_s8_filter_s8(const int8_t *weights, int8_t *state, int32_t memory,
                                               int32_t sum) {
  const int8_t newest = state[0];
  for (int32_t i = 0; i < memory - 1; i++) {
    const int8_t value = state[i + 1];
    state[i] = value;
    sum = tfedge_wrapping_add(sum, (int32_t)value * weights[i]);
  }
  state[memory - 1] = newest;
  return tfedge_wrapping_add(sum, (int32_t)newest * weights[memory - 1]);
}

/* A newest value in int8, with the zero point: modulo 2^8, by way of 0..255. */
TFEDGE_INLINE int8_t tfedge_svdf_s8_wrapped(const tfedge_svdf_s8_params *params, int32_t feature) {
  const int32_t byte = (feature + params->state_zero_point) & 0xff;
  return (int8_t)(byte > INT8_MAX ? byte - 256 : byte);
}

/* state: [batches][filters][memory]; a sequence begins with the zero point. */
TFEDGE_INLINE void tfedge_svdf_s8_s16_inline(const tfedge_svdf_s8_params *params,
                                             const int8_t *input, int8_t *output, int16_t *state) {
  const int32_t memory = params->memory;
  const int32_t units = params->filters / params->rank;
  const int32_t fours = params->filters - params->filters % 4;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t filter = 0; filter < fours; filter += 4) {
      int32_t features[4];
      tfedge_svdf_s8_four(params, input, filter, INT16_MIN, INT16_MAX, features);
      for (int32_t i = 0; i < 4; i++) {
        state[(filter + i) * memory] = (int16_t)features[i];
      }
    }
    for (int32_t filter = fours; filter < params->filters; filter++) {
      const int32_t feature = tfedge_svdf_s8_one(params, input, filter, INT16_MIN, INT16_MAX);
      state[filter * memory] = (int16_t)feature;
    }
    const int16_t *weights = (const int16_t *)params->time_weights;
    for (int32_t unit = 0; unit < units; unit++) {
      int32_t sum = params->bias[unit];
      for (int32_t i = 0; i < params->rank; i++) {
        sum = tfedge_svdf_s8_filter_s16(weights, state, memory, sum);
        weights += memory;
        state += memory;
      }
      output[unit] = tfedge_svdf_s8_output(params, sum);
    }
    input += params->depth;
    output += units;
  }
}

/* The same in int8. */
TFEDGE_INLINE void tfedge_svdf_s8_s8_inline(const tfedge_svdf_s8_params *params,
                                            const int8_t *input, int8_t *output, int8_t *state) {
  const int32_t memory = params->memory;
  const int32_t units = params->filters / params->rank;
  const int32_t fours = params->filters - params->filters % 4;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t filter = 0; filter < fours; filter += 4) {
      int32_t features[4];
      tfedge_svdf_s8_four(params, input, filter, INT8_MIN, INT8_MAX, features);
      for (int32_t i = 0; i < 4; i++) {
        state[(filter + i) * memory] = tfedge_svdf_s8_wrapped(params, features[i]);
      }
    }
    for (int32_t filter = fours; filter < params->filters; filter++) {
      const int32_t feature = tfedge_svdf_s8_one(params, input, filter, INT8_MIN, INT8_MAX);
      state[filter * memory] = tfedge_svdf_s8_wrapped(params, feature);
    }
    const int8_t *weights = (const int8_t *)params->time_weights;
    for (int32_t unit = 0; unit < units; unit++) {
      int32_t sum = params->bias[unit];
      for (int32_t i = 0; i < params->rank; i++) {
        sum = tfedge_svdf_s8_filter_s8(weights, state, memory, sum);
        weights += memory;
        state += memory;
      }
      output[unit] = tfedge_svdf_s8_output(params, sum);
    }
    input += params->depth;
    output += units;
  }
}

void tfedge_svdf_s8_s16(const tfedge_svdf_s8_params *params, const int8_t *input, int8_t *output,
                        int16_t *state);
void tfedge_svdf_s8_s8(const tfedge_svdf_s8_params *params, const int8_t *input, int8_t *output,
                       int8_t *state);

#endif
