/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_quantize_f32.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_quantize_f32_s8(const tfedge_quantize_f32_params *params, const float *input,
                            int8_t *output) {
  tfedge_quantize_f32_s8_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_dequantize_s8_f32(const tfedge_quantize_f32_params *params, const int8_t *input,
                              float *output) {
  tfedge_dequantize_s8_f32_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_quantize_f32_s16(const tfedge_quantize_f32_params *params, const float *input,
                             int16_t *output) {
  tfedge_quantize_f32_s16_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_dequantize_s16_f32(const tfedge_quantize_f32_params *params, const int16_t *input,
                               float *output) {
  tfedge_dequantize_s16_f32_inline(params, input, output);
}
