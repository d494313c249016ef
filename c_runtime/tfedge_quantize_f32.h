/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_QUANTIZE_F32_H
#define TFEDGE_QUANTIZE_F32_H

#include "tfedge_requantize.h"

/* QUANTIZE from float to int8 and DEQUANTIZE back: real = scale * (integer - zero_point).
 * Rounds half away from zero and saturates; not-a-number becomes the zero point.
 * Source: TFLite 8-bit quantisation specification. */
typedef struct tfedge_quantize_f32_params {
  int32_t elements;
  float scale;
  int32_t zero_point;
} tfedge_quantize_f32_params;

TFEDGE_INLINE int8_t tfedge_quantize_f32_s8_element(const tfedge_quantize_f32_params *params,
                                                    float value) {
  const float limit = 1024.0f; /* any steps beyond 255 saturate */
  float steps = value / params->scale;
  if (!(steps > -limit)) {
    steps = steps <= -limit ? -limit : 0.0f;
  }
  if (steps > limit) {
    steps = limit;
  }
  const int32_t whole = (int32_t)steps;
  const float rest = steps - (float)whole;
  const int32_t rounded = whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
  return (int8_t)tfedge_clamp(rounded + params->zero_point, INT8_MIN, INT8_MAX);
}

TFEDGE_INLINE void tfedge_quantize_f32_s8_inline(const tfedge_quantize_f32_params *params,
                                                 const float *input, int8_t *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    output[i] = tfedge_quantize_f32_s8_element(params, input[i]);
  }
}

TFEDGE_INLINE void tfedge_dequantize_s8_f32_inline(const tfedge_quantize_f32_params *params,
                                                   const int8_t *input, float *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    output[i] = params->scale * (float)(input[i] - params->zero_point);
  }
}

void tfedge_quantize_f32_s8(const tfedge_quantize_f32_params *params, const float *input,
                            int8_t *output);
void tfedge_dequantize_s8_f32(const tfedge_quantize_f32_params *params, const int8_t *input,
                              float *output);

#endif
