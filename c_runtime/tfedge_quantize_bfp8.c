/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_quantize_bfp8.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_quantize_bfp8(const tfedge_quantize_bfp8_params *params, const float *input,
                          int8_t *output) {
  tfedge_quantize_bfp8_inline(params, input, output);
}

TFEDGE_SHARED
void tfedge_dequantize_bfp8(const tfedge_quantize_bfp8_params *params, const int8_t *input,
                            float *output) {
  tfedge_dequantize_bfp8_inline(params, input, output);
}
