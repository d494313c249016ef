/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CAST_H
#define TFEDGE_CAST_H

#include <string.h>

#include "tfedge_platform.h"

/* CAST: the same numbers in another type. A bool is a byte, 0 or 1; anything but 0 becomes 1. An
 * integer that int8 or int16 cannot hold loses its upper bits. A float loses its fraction; one that
 * the integer type cannot hold, undefined in the reference, becomes the nearest integer that it
 * can, and not-a-number becomes 0. Works in place between types of one size. Source: TFLite Micro's
 * reference CAST. */
typedef enum tfedge_cast_type {
  TFEDGE_CAST_BOOL = 0,
  TFEDGE_CAST_S8 = 1,
  TFEDGE_CAST_S32 = 2,
  TFEDGE_CAST_F32 = 3,
  TFEDGE_CAST_S16 = 4
} tfedge_cast_type;

typedef struct tfedge_cast_params {
  int32_t elements;
  int32_t from; /* a tfedge_cast_type */
  int32_t to;   /* a tfedge_cast_type other than from */
} tfedge_cast_params;

TFEDGE_INLINE float tfedge_cast_float_at(const uint8_t *input, int32_t index) {
  float value;
  memcpy(&value, input + 4 * index, sizeof value);
  return value;
}

/* Element `index`, which is no float. */
TFEDGE_INLINE int32_t tfedge_cast_integer_at(int32_t from, const uint8_t *input, int32_t index) {
  int32_t value;
  int16_t half;
  if (from == TFEDGE_CAST_S32) {
    memcpy(&value, input + 4 * index, sizeof value);
    return value;
  }
  if (from == TFEDGE_CAST_S16) {
    memcpy(&half, input + 2 * index, sizeof half);
    return half;
  }
  return from == TFEDGE_CAST_S8 ? (int8_t)input[index] : (input[index] != 0u ? 1 : 0);
}

TFEDGE_INLINE int32_t tfedge_cast_truncate(float value, float low, float high) {
  if (!(value > low)) {
    return value <= low ? (int32_t)low : 0;
  }
  /* The high of int32 is what float makes of INT32_MAX, one more. */
  return value < high ? (int32_t)value : (high > 32767.0f ? INT32_MAX : (int32_t)high);
}

TFEDGE_INLINE void tfedge_cast_integer_to(int32_t to, int32_t value, uint8_t *output,
                                          int32_t index) {
  if (to == TFEDGE_CAST_F32) {
    const float real = (float)value;
    memcpy(output + 4 * index, &real, sizeof real);
  } else if (to == TFEDGE_CAST_S32) {
    memcpy(output + 4 * index, &value, sizeof value);
  } else if (to == TFEDGE_CAST_S16) {
    const uint16_t half = (uint16_t)value;
    memcpy(output + 2 * index, &half, sizeof half);
  } else {
    output[index] = (uint8_t)(to == TFEDGE_CAST_S8 ? value : value != 0);
  }
}

TFEDGE_INLINE void tfedge_cast_float_to(int32_t to, float value, uint8_t *output, int32_t index) {
  int32_t integer;
  if (to == TFEDGE_CAST_S32) {
    integer = tfedge_cast_truncate(value, -2147483648.0f, 2147483648.0f);
  } else if (to == TFEDGE_CAST_S16) {
    integer = tfedge_cast_truncate(value, -32768.0f, 32767.0f);
  } else if (to == TFEDGE_CAST_S8) {
    integer = tfedge_cast_truncate(value, -128.0f, 127.0f);
  } else {
    integer = value < 0.0f || value > 0.0f || value != value;
  }
  tfedge_cast_integer_to(to, integer, output, index);
}

TFEDGE_INLINE void tfedge_cast_inline(const tfedge_cast_params *params, const void *input,
                                      void *output) {
  const uint8_t *const from = (const uint8_t *)input;
  uint8_t *const to = (uint8_t *)output;
  for (int32_t i = 0; i < params->elements; i++) {
    if (params->from == TFEDGE_CAST_F32) {
      tfedge_cast_float_to(params->to, tfedge_cast_float_at(from, i), to, i);
    } else {
      tfedge_cast_integer_to(params->to, tfedge_cast_integer_at(params->from, from, i), to, i);
    }
  }
}

void tfedge_cast(const tfedge_cast_params *params, const void *input, void *output);

#endif
