/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ELEMENTWISE_S32_S64_H
#define TFEDGE_ELEMENTWISE_S32_S64_H

#include <string.h>

#include "tfedge_broadcast.h"

/* Element-wise operators on plain int32 or int64 numbers, which have no scale, with broadcasting:
 * positions and indices; comparisons of int16 on one grid, too. Sums and products wrap modulo 2^32
 * or 2^64; a comparison gives a byte, 0 or 1. Works in place of an operand of the same size.
 * Source: TFLite Micro's reference kernels, LiteRT's for sums and products of int64, and for
 * int16. */
typedef enum tfedge_elementwise_s32_s64_function {
  TFEDGE_ELEMENTWISE_ADD = 0,
  TFEDGE_ELEMENTWISE_SUBTRACT = 1,
  TFEDGE_ELEMENTWISE_MULTIPLY = 2,
  TFEDGE_ELEMENTWISE_SQUARED_DIFFERENCE = 3,
  TFEDGE_ELEMENTWISE_LARGEST = 4,
  TFEDGE_ELEMENTWISE_SMALLEST = 5,
  TFEDGE_ELEMENTWISE_COMPARE = 6
} tfedge_elementwise_s32_s64_function;

typedef struct tfedge_elementwise_s32_s64_params {
  tfedge_broadcast shape;
  int32_t function;      /* a tfedge_elementwise_s32_s64_function */
  int32_t element_bytes; /* of the operands: 4 or 8; 2 for comparisons */
  int32_t accept_less;   /* 1 where a < b gives 1, for TFEDGE_ELEMENTWISE_COMPARE */
  int32_t accept_equal;
  int32_t accept_greater;
} tfedge_elementwise_s32_s64_params;

TFEDGE_INLINE int64_t tfedge_elementwise_s32_s64_at(const uint8_t *values, int32_t index,
                                                    int32_t bytes) {
  int16_t half;
  int32_t narrow;
  int64_t wide;
  if (bytes == 2) {
    memcpy(&half, values + 2 * index, sizeof half);
    return half;
  }
  if (bytes == 4) {
    memcpy(&narrow, values + 4 * index, sizeof narrow);
    return narrow;
  }
  memcpy(&wide, values + 8 * index, sizeof wide);
  return wide;
}

/* One result, of which 32-bit operators keep the lower half. */
TFEDGE_INLINE int64_t tfedge_elementwise_s32_s64_result(
    const tfedge_elementwise_s32_s64_params *params, int64_t a, int64_t b) {
  const uint64_t x = (uint64_t)a;
  const uint64_t y = (uint64_t)b;
  switch (params->function) {
    case TFEDGE_ELEMENTWISE_ADD:
      return (int64_t)(x + y);
    case TFEDGE_ELEMENTWISE_SUBTRACT:
      return (int64_t)(x - y);
    case TFEDGE_ELEMENTWISE_MULTIPLY:
      return (int64_t)(x * y);
    case TFEDGE_ELEMENTWISE_SQUARED_DIFFERENCE:
      return (int64_t)((x - y) * (x - y));
    case TFEDGE_ELEMENTWISE_LARGEST:
      return a > b ? a : b;
    case TFEDGE_ELEMENTWISE_SMALLEST:
      return a < b ? a : b;
    default:
      return a < b ? params->accept_less : (a > b ? params->accept_greater : params->accept_equal);
  }
}

TFEDGE_INLINE void tfedge_elementwise_s32_s64_put(const tfedge_elementwise_s32_s64_params *params,
                                                  int64_t result, uint8_t *output) {
  if (params->function == TFEDGE_ELEMENTWISE_COMPARE) {
    *output = (uint8_t)result;
  } else if (params->element_bytes == 8) {
    memcpy(output, &result, sizeof result);
  } else {
    const int32_t narrow = (int32_t)(uint32_t)(uint64_t)result;
    memcpy(output, &narrow, sizeof narrow);
  }
}

/* The three inner dimensions, from element a of x and b of y on; returns the end of the output. */
TFEDGE_INLINE uint8_t *tfedge_elementwise_s32_s64_block(
    const tfedge_elementwise_s32_s64_params *params, const uint8_t *x, const uint8_t *y, int32_t a,
    int32_t b, uint8_t *output) {
  const tfedge_broadcast *const shape = &params->shape;
  const int32_t bytes = params->element_bytes;
  for (int32_t l = 0; l < shape->extent[3]; l++) {
    for (int32_t m = 0; m < shape->extent[4]; m++) {
      for (int32_t n = 0; n < shape->extent[5]; n++) {
        const int32_t i = a + l * shape->a[3] + m * shape->a[4] + n * shape->a[5];
        const int32_t j = b + l * shape->b[3] + m * shape->b[4] + n * shape->b[5];
        tfedge_elementwise_s32_s64_put(
            params,
            tfedge_elementwise_s32_s64_result(params, tfedge_elementwise_s32_s64_at(x, i, bytes),
                                              tfedge_elementwise_s32_s64_at(y, j, bytes)),
            output);
        output += params->function == TFEDGE_ELEMENTWISE_COMPARE ? 1 : bytes;
      }
    }
  }
  return output;
}

TFEDGE_INLINE void tfedge_elementwise_s32_s64_inline(
    const tfedge_elementwise_s32_s64_params *params, const void *a, const void *b, void *output) {
  const tfedge_elementwise_s32_s64_params local =
      *params; /* writes of bytes cannot change a copy */
  const tfedge_broadcast *const shape = &local.shape;
  uint8_t *to = (uint8_t *)output;
  for (int32_t i = 0; i < shape->extent[0]; i++) {
    for (int32_t j = 0; j < shape->extent[1]; j++) {
      for (int32_t k = 0; k < shape->extent[2]; k++) {
        to = tfedge_elementwise_s32_s64_block(&local, (const uint8_t *)a, (const uint8_t *)b,
                                              i * shape->a[0] + j * shape->a[1] + k * shape->a[2],
                                              i * shape->b[0] + j * shape->b[1] + k * shape->b[2],
                                              to);
      }
    }
  }
}

void tfedge_elementwise_s32_s64(const tfedge_elementwise_s32_s64_params *params, const void *a,
                                const void *b, void *output);

#endif
