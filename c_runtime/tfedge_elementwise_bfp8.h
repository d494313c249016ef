/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ELEMENTWISE_BFP8_H
#define TFEDGE_ELEMENTWISE_BFP8_H

#include "tfedge_bfp8.h"

/* ADD of two tensors of one shape, and RELU and its like, on block floating point. Operands of ADD
 * are brought to 20 bits below the larger exponent. Output may be an operand. */
typedef struct tfedge_elementwise_bfp8_params {
  int32_t size;
  int32_t largest[2]; /* of each operand; of one operand, the second does not count */
  int32_t output_largest;
  tfedge_bfp8_limits limits;
} tfedge_elementwise_bfp8_params;

#define TFEDGE_BFP8_ADDED_BITS 20

/* An operand of ADD with its added bits, moved to the right. */
TFEDGE_INLINE int32_t tfedge_add_bfp8_part(int8_t byte, int32_t largest, int32_t right) {
  const int32_t integer = tfedge_bfp8_integer(byte, largest);
  return tfedge_bfp8_right(integer * (INT32_C(1) << TFEDGE_BFP8_ADDED_BITS), right);
}

TFEDGE_INLINE void tfedge_add_bfp8_inline(const tfedge_elementwise_bfp8_params *params,
                                          const int8_t *a, const int8_t *b, int8_t *output) {
  const int32_t a_exponent = tfedge_bfp8_exponent(a);
  const int32_t b_exponent = tfedge_bfp8_exponent(b);
  const int32_t larger = tfedge_bfp8_max(a_exponent, b_exponent);
  const int32_t exponent = larger - TFEDGE_BFP8_ADDED_BITS;
  const tfedge_bfp8_limits limits = tfedge_bfp8_limits_at(params->limits, exponent);
  tfedge_bfp8_writer writer = tfedge_bfp8_begin(output, params->output_largest, exponent);
  for (int32_t i = TFEDGE_BFP8_HEADER; i < TFEDGE_BFP8_HEADER + params->size; i++) {
    const int32_t sum = tfedge_add_bfp8_part(a[i], params->largest[0], larger - a_exponent) +
                        tfedge_add_bfp8_part(b[i], params->largest[1], larger - b_exponent);
    tfedge_bfp8_put(&writer, tfedge_clamp(sum, limits.low, limits.high));
  }
  tfedge_bfp8_end(&writer, output);
}

TFEDGE_INLINE void tfedge_clamp_bfp8_inline(const tfedge_elementwise_bfp8_params *params,
                                            const int8_t *input, int8_t *output) {
  const int32_t exponent = tfedge_bfp8_exponent(input);
  const tfedge_bfp8_limits limits = tfedge_bfp8_limits_at(params->limits, exponent);
  tfedge_bfp8_writer writer = tfedge_bfp8_begin(output, params->output_largest, exponent);
  for (int32_t i = TFEDGE_BFP8_HEADER; i < TFEDGE_BFP8_HEADER + params->size; i++) {
    const int32_t integer = tfedge_bfp8_integer(input[i], params->largest[0]);
    tfedge_bfp8_put(&writer, tfedge_clamp(integer, limits.low, limits.high));
  }
  tfedge_bfp8_end(&writer, output);
}

void tfedge_add_bfp8(const tfedge_elementwise_bfp8_params *params, const int8_t *a, const int8_t *b,
                     int8_t *output);
void tfedge_clamp_bfp8(const tfedge_elementwise_bfp8_params *params, const int8_t *input,
                       int8_t *output);

#endif
