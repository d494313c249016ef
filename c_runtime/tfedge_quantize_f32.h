/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_QUANTIZE_F32_H
#define TFEDGE_QUANTIZE_F32_H

#include "tfedge_requantize.h"

/* QUANTIZE from float to int8 or int16 and DEQUANTIZE back: real = scale * (integer - zero_point).
 * Rounds half away from zero and saturates; not-a-number becomes the zero point.
 * Source: TFLite 8-bit quantisation specification. */
typedef struct tfedge_quantize_f32_params {
  int32_t elements;
  float scale;
  int32_t zero_point;
} tfedge_quantize_f32_params;

/* limit lies beyond any steps that do not saturate. */
TFEDGE_INLINE int32_t tfedge_quantize_f32_steps(const tfedge_quantize_f32_params *params,
                                                float value, float limit) {
  float steps = value / params->scale;
  if (!(steps > -limit)) {
    steps = steps <= -limit ? -limit : 0.0f;
  }
  if (steps > limit) {
    steps = limit;
  }
  const int32_t whole = (int32_t)steps;
  const float rest = steps - (float)whole;
  return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0) + params->zero_point;
}

TFEDGE_INLINE void tfedge_quantize_f32_s8_inline(const tfedge_quantize_f32_params *params,
                                                 const float *input, int8_t *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    const int32_t steps = tfedge_quantize_f32_steps(params, input[i], 1024.0f);
    output[i] = (int8_t)tfedge_clamp(steps, INT8_MIN, INT8_MAX);
  }
}

TFEDGE_INLINE void tfedge_dequantize_s8_f32_inline(const tfedge_quantize_f32_params *params,
                                                   const int8_t *input, float *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    output[i] = params->scale * (float)(input[i] - params->zero_point);
  }
}

TFEDGE_INLINE void tfedge_quantize_f32_s16_inline(const tfedge_quantize_f32_params *params,
                                                  const float *input, int16_t *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    const int32_t steps = tfedge_quantize_f32_steps(params, input[i], 262144.0f);
    output[i] = (int16_t)tfedge_clamp(steps, INT16_MIN, INT16_MAX);
  }
}

TFEDGE_INLINE void tfedge_dequantize_s16_f32_inline(const tfedge_quantize_f32_params *params,
                                                    const int16_t *input, float *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    output[i] = params->scale * (float)(input[i] - params->zero_point);
  }
}

void tfedge_quantize_f32_s8(const tfedge_quantize_f32_params *params, const float *input,
                            int8_t *output);
void tfedge_dequantize_s8_f32(const tfedge_quantize_f32_params *params, const int8_t *input,
                              float *output);
void tfedge_quantize_f32_s16(const tfedge_quantize_f32_params *params, const float *input,
                             int16_t *output);
void tfedge_dequantize_s16_f32(const tfedge_quantize_f32_params *params, const int16_t *input,
                               float *output);

#endif
