/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ELEMENTWISE_BFP8_H
#define TFEDGE_ELEMENTWISE_BFP8_H

#include "tfedge_bfp8.h"

/* ADD of two tensors of one shape, and RELU and its like, on block floating point. Operands of ADD
 * are brought to 20 bits below the larger exponent. Output may be an operand. */
typedef struct tfedge_elementwise_bfp8_params {
  int32_t size;
  tfedge_bfp8_limits limits;
} tfedge_elementwise_bfp8_params;

#define TFEDGE_BFP8_ADDED_BITS 20

TFEDGE_INLINE void tfedge_add_bfp8_inline(const tfedge_elementwise_bfp8_params *params,
                                          const int8_t *a, const int8_t *b, int8_t *output) {
  const int32_t a_exponent = tfedge_bfp8_exponent(a);
  const int32_t b_exponent = tfedge_bfp8_exponent(b);
  const int32_t larger = tfedge_bfp8_max(a_exponent, b_exponent);
  const int32_t exponent = larger - TFEDGE_BFP8_ADDED_BITS;
  const tfedge_bfp8_limits limits = tfedge_bfp8_limits_at(params->limits, exponent);
  tfedge_bfp8_writer writer = tfedge_bfp8_begin(output, exponent);
  for (int32_t i = TFEDGE_BFP8_HEADER; i < TFEDGE_BFP8_HEADER + params->size; i++) {
    const int32_t sum =
        tfedge_bfp8_right(a[i] * (INT32_C(1) << TFEDGE_BFP8_ADDED_BITS), larger - a_exponent) +
        tfedge_bfp8_right(b[i] * (INT32_C(1) << TFEDGE_BFP8_ADDED_BITS), larger - b_exponent);
    tfedge_bfp8_put(&writer, tfedge_clamp(sum, limits.low, limits.high));
  }
  tfedge_bfp8_end(&writer, output);
}

TFEDGE_INLINE void tfedge_clamp_bfp8_inline(const tfedge_elementwise_bfp8_params *params,
                                            const int8_t *input, int8_t *output) {
  const int32_t exponent = tfedge_bfp8_exponent(input);
  const tfedge_bfp8_limits limits = tfedge_bfp8_limits_at(params->limits, exponent);
  tfedge_bfp8_writer writer = tfedge_bfp8_begin(output, exponent);
  for (int32_t i = TFEDGE_BFP8_HEADER; i < TFEDGE_BFP8_HEADER + params->size; i++) {
    tfedge_bfp8_put(&writer, tfedge_clamp(input[i], limits.low, limits.high));
  }
  tfedge_bfp8_end(&writer, output);
}

void tfedge_add_bfp8(const tfedge_elementwise_bfp8_params *params, const int8_t *a, const int8_t *b,
                     int8_t *output);
void tfedge_clamp_bfp8(const tfedge_elementwise_bfp8_params *params, const int8_t *input,
                       int8_t *output);

#endif
