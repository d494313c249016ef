/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_QUANTIZE_BFP8_H
#define TFEDGE_QUANTIZE_BFP8_H

#include "tfedge_bfp8.h"

/* Between float32 (IEEE 754), by its bits, and block floating point. Infinity and what is no
 * number count as the largest number; results too small for a normal number are 0. */
typedef struct tfedge_quantize_bfp8_params {
  int32_t size;
  int32_t largest; /* of the integers; those of real inputs have signs */
} tfedge_quantize_bfp8_params;

#define TFEDGE_F32_FRACTION_BITS 23
#define TFEDGE_F32_LARGEST UINT32_C(0x7F7FFFFF)

TFEDGE_INLINE uint32_t tfedge_quantize_bfp8_bits(const float *number) {
  uint32_t bits;
  memcpy(&bits, number, sizeof bits);
  return bits;
}

/* A number without its sign. */
TFEDGE_INLINE uint32_t tfedge_quantize_bfp8_magnitude(uint32_t bits) {
  const uint32_t magnitude = bits & UINT32_C(0x7FFFFFFF);
  return magnitude < TFEDGE_F32_LARGEST ? magnitude : TFEDGE_F32_LARGEST;
}

/* The number is mantissa * 2^(exponent - 150); subnormal ones have the exponent of the smallest. */
TFEDGE_INLINE int32_t tfedge_quantize_bfp8_exponent(uint32_t magnitude) {
  return tfedge_bfp8_max((int32_t)(magnitude >> TFEDGE_F32_FRACTION_BITS), 1);
}

TFEDGE_INLINE int32_t tfedge_quantize_bfp8_mantissa(uint32_t magnitude) {
  const uint32_t one = UINT32_C(1) << TFEDGE_F32_FRACTION_BITS;
  return (int32_t)((magnitude & (one - 1u)) | (magnitude >= one ? one : 0u));
}

TFEDGE_INLINE void tfedge_quantize_bfp8_inline(const tfedge_quantize_bfp8_params *params,
                                               const float *input, int8_t *output) {
  uint32_t largest = 0;
  for (int32_t i = 0; i < params->size; i++) {
    const uint32_t magnitude = tfedge_quantize_bfp8_magnitude(tfedge_quantize_bfp8_bits(input + i));
    largest = magnitude > largest ? magnitude : largest;
  }
  /* 17 bits less leave 7 of 24. */
  const int32_t right =
      tfedge_bfp8_fits(tfedge_bfp8_right(tfedge_quantize_bfp8_mantissa(largest), 17),
                       params->largest)
          ? 17
          : 18;
  const int32_t top = tfedge_quantize_bfp8_exponent(largest) + right;
  const int32_t exponent = top - 150;
  for (int32_t i = 0; i < params->size; i++) {
    const uint32_t bits = tfedge_quantize_bfp8_bits(input + i);
    const uint32_t magnitude = tfedge_quantize_bfp8_magnitude(bits);
    const int32_t integer = tfedge_bfp8_right(tfedge_quantize_bfp8_mantissa(magnitude),
                                              top - tfedge_quantize_bfp8_exponent(magnitude));
    output[TFEDGE_BFP8_HEADER + i] = (int8_t)(bits >> 31 != 0u ? -integer : integer);
  }
  memcpy(output, &exponent, sizeof exponent);
}

/* The bits of integer * 2^exponent. */
TFEDGE_INLINE uint32_t tfedge_dequantize_bfp8_bits(int32_t integer, int32_t exponent) {
  const uint32_t sign = integer < 0 ? UINT32_C(1) << 31 : 0u;
  uint32_t mantissa = (uint32_t)(integer < 0 ? -integer : integer)
                      << (TFEDGE_F32_FRACTION_BITS - 7);
  int32_t biased = exponent + 127 + 7;
  if (mantissa == 0u) {
    return 0u;
  }
  while (mantissa < UINT32_C(1) << TFEDGE_F32_FRACTION_BITS) {
    mantissa <<= 1;
    biased--;
  }
  if (biased <= 0) {
    return sign;
  }
  if (biased >= 255) {
    return sign | TFEDGE_F32_LARGEST;
  }
  return sign | (uint32_t)biased << TFEDGE_F32_FRACTION_BITS |
         (mantissa & ((UINT32_C(1) << TFEDGE_F32_FRACTION_BITS) - 1u));
}

TFEDGE_INLINE void tfedge_dequantize_bfp8_inline(const tfedge_quantize_bfp8_params *params,
                                                 const int8_t *input, float *output) {
  const int32_t exponent = tfedge_bfp8_exponent(input);
  for (int32_t i = 0; i < params->size; i++) {
    const uint32_t bits = tfedge_dequantize_bfp8_bits(
        tfedge_bfp8_integer(input[TFEDGE_BFP8_HEADER + i], params->largest), exponent);
    memcpy(output + i, &bits, sizeof bits);
  }
}

void tfedge_quantize_bfp8(const tfedge_quantize_bfp8_params *params, const float *input,
                          int8_t *output);
void tfedge_dequantize_bfp8(const tfedge_quantize_bfp8_params *params, const int8_t *input,
                            float *output);

#endif
