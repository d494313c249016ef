/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_RESCALE_H
#define TFEDGE_RESCALE_H

#include "tfedge_requantize.h"

/* Piecewise linear functions of one quantised integer of 1, 2 or 4 bytes: QUANTIZE from one width
 * to another, and on int16 ABS, RELU, RELU6 and LEAKY_RELU.
 *
 *   output = clamp(zero_point + requantize(x)), x = input - input_zero_point
 *
 * Negative x may have a multiplier of its own, and what it gives may be turned to its opposite.
 * Works in place between integers of one width. Source: TFLite Micro's reference kernels of these
 * operators; rounds twice.
 */
typedef struct tfedge_rescale_params {
  int32_t elements;
  int32_t input_bytes;  /* 1, 2 or 4 */
  int32_t output_bytes; /* 1, 2 or 4 */
  int32_t input_zero_point;
  int32_t exact;     /* 1: x is taken as it is, without requantisation */
  int32_t magnitude; /* 1: of |x| */
  int32_t multiplier;
  int32_t shift;
  int32_t negative_multiplier; /* where x < 0 */
  int32_t negative_shift;
  int32_t negative_sign; /* 1 or -1 */
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
} tfedge_rescale_params;

TFEDGE_INLINE int32_t tfedge_rescale_load(const tfedge_rescale_params *params, const void *input,
                                          int32_t index) {
  if (params->input_bytes == 1) {
    return ((const int8_t *)input)[index];
  }
  return params->input_bytes == 2 ? ((const int16_t *)input)[index]
                                  : ((const int32_t *)input)[index];
}

TFEDGE_INLINE void tfedge_rescale_store(const tfedge_rescale_params *params, int32_t value,
                                        void *output, int32_t index) {
  if (params->output_bytes == 1) {
    ((int8_t *)output)[index] = (int8_t)value;
  } else if (params->output_bytes == 2) {
    ((int16_t *)output)[index] = (int16_t)value;
  } else {
    ((int32_t *)output)[index] = value;
  }
}

TFEDGE_INLINE int32_t tfedge_rescale_element(const tfedge_rescale_params *params, int32_t value) {
  int32_t x = tfedge_wrapping_add(value, -params->input_zero_point);
  if (params->magnitude != 0 && x < 0) {
    x = -x;
  }
  if (params->exact == 0) {
    x = x < 0 ? params->negative_sign *
                    tfedge_requantize(x, params->negative_multiplier, params->negative_shift)
              : tfedge_requantize(x, params->multiplier, params->shift);
  }
  return tfedge_clamp(tfedge_wrapping_add(x, params->output_zero_point), params->output_min,
                      params->output_max);
}

TFEDGE_INLINE void tfedge_rescale_inline(const tfedge_rescale_params *params, const void *input,
                                         void *output) {
  const tfedge_rescale_params local = *params; /* writes of results cannot change a copy */
  for (int32_t i = 0; i < local.elements; i++) {
    tfedge_rescale_store(
        &local, tfedge_rescale_element(&local, tfedge_rescale_load(&local, input, i)), output, i);
  }
}

void tfedge_rescale(const tfedge_rescale_params *params, const void *input, void *output);

#endif
