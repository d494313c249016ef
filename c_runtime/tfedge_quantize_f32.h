/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_QUANTIZE_F32_H
#define TFEDGE_QUANTIZE_F32_H

#include "tfedge_real_numbers.h"

/* QUANTIZE from float to int8 or int16 and DEQUANTIZE back: real = scale * (integer - zero_point).
 * Rounds half away from zero and saturates; not-a-number becomes the zero point.
 * Source: TFLite 8-bit quantisation specification. */
typedef struct tfedge_quantize_f32_params {
  int32_t elements;
  float scale;
  int32_t zero_point;
} tfedge_quantize_f32_params;

TFEDGE_INLINE void tfedge_quantize_f32_s8_inline(const tfedge_quantize_f32_params *params,
                                                 const float *input, int8_t *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    output[i] = (int8_t)tfedge_integer_of(input[i], params->scale, params->zero_point,
                                          TFEDGE_LIMIT_8_BITS, INT8_MIN, INT8_MAX);
  }
}

TFEDGE_INLINE void tfedge_dequantize_s8_f32_inline(const tfedge_quantize_f32_params *params,
                                                   const int8_t *input, float *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    output[i] = tfedge_real_of(input[i], params->scale, params->zero_point);
  }
}

TFEDGE_INLINE void tfedge_quantize_f32_s16_inline(const tfedge_quantize_f32_params *params,
                                                  const float *input, int16_t *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    output[i] = (int16_t)tfedge_integer_of(input[i], params->scale, params->zero_point,
                                           TFEDGE_LIMIT_16_BITS, INT16_MIN, INT16_MAX);
  }
}

TFEDGE_INLINE void tfedge_dequantize_s16_f32_inline(const tfedge_quantize_f32_params *params,
                                                    const int16_t *input, float *output) {
  for (int32_t i = 0; i < params->elements; i++) {
    output[i] = tfedge_real_of(input[i], params->scale, params->zero_point);
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
