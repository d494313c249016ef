/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_REDUCE_PROD_S8_H
#define TFEDGE_REDUCE_PROD_S8_H

#include "tfedge_reduction.h"
#include "tfedge_requantize.h"

/* REDUCE_PROD on int8: the centred values one after the other, rescaled with multiplier *
 * 2^(shift - 15) after each product and once more at the end. No product, rescaled, reaches 2^31.
 * Source: LiteRT's reference REDUCE_PROD, whose rescaling of 64-bit products keeps 16 bits of the
 * multiplier and rounds once, halves up. */
typedef struct tfedge_reduce_prod_s8_params {
  tfedge_reduction shape;
  int32_t input_zero_point;
  int32_t multiplier; /* 0..32767 */
  int32_t shift;      /* -31..7, positive to the left */
  int32_t output_zero_point;
} tfedge_reduce_prod_s8_params;

/* A product never has this value; before the first one it stands for the factor that is none. */
#define TFEDGE_REDUCE_PROD_S8_NONE INT32_MIN

/* The product so far, times one value more. */
TFEDGE_INLINE int32_t tfedge_reduce_prod_s8_times(const tfedge_reduce_prod_s8_params *params,
                                                  int32_t result, int32_t value) {
  const int32_t centred = value - params->input_zero_point;
  return result == TFEDGE_REDUCE_PROD_S8_NONE
             ? centred
             : tfedge_requantize_wide((int64_t)result * centred, params->multiplier, params->shift);
}

/* The whole product on the output's grid, within its type. */
TFEDGE_INLINE int32_t tfedge_reduce_prod_s8_end(const tfedge_reduce_prod_s8_params *params,
                                                int32_t result, int32_t least, int32_t largest) {
  const int32_t scaled = tfedge_requantize_wide(result, params->multiplier, params->shift);
  return tfedge_clamp(tfedge_wrapping_add(scaled, params->output_zero_point), least, largest);
}

TFEDGE_INLINE int32_t tfedge_reduce_prod_s8_fold(const void *opaque, int32_t result,
                                                 const void *input, int32_t index) {
  return tfedge_reduce_prod_s8_times((const tfedge_reduce_prod_s8_params *)opaque, result,
                                     ((const int8_t *)input)[index]);
}

TFEDGE_INLINE void tfedge_reduce_prod_s8_finish(const void *opaque, int32_t result, void *output,
                                                int32_t index) {
  ((int8_t *)output)[index] = (int8_t)tfedge_reduce_prod_s8_end(
      (const tfedge_reduce_prod_s8_params *)opaque, result, INT8_MIN, INT8_MAX);
}

TFEDGE_INLINE void tfedge_reduce_prod_s8_inline(const tfedge_reduce_prod_s8_params *params,
                                                const int8_t *input, int8_t *output) {
  tfedge_reduction_run(&params->shape, params, TFEDGE_REDUCE_PROD_S8_NONE,
                       tfedge_reduce_prod_s8_fold, tfedge_reduce_prod_s8_finish, input, output);
}

void tfedge_reduce_prod_s8(const tfedge_reduce_prod_s8_params *params, const int8_t *input,
                           int8_t *output);

#endif
