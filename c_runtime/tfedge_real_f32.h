/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_REAL_F32_H
#define TFEDGE_REAL_F32_H

#include <math.h>
#include <string.h>

#include "tfedge_no_contraction.h"
#include "tfedge_platform.h"

/* What kernels on real numbers share. Every sum and product is rounded to single precision by
 * itself, in the order in which the kernel's text has them, so that all cores give the same bits.
 * Functions of the C library, such as expf, are as exact as that library: their last bits may
 * differ between two of them. */

/* Not-a-number stays. */
TFEDGE_INLINE float tfedge_limit_f32(float value, float low, float high) {
  const float raised = value < low ? low : value;
  return raised > high ? high : raised;
}

/* A constant number by its position, in whatever form it is stored. */
typedef float (*tfedge_stored_f32)(const void *values, int32_t index);

TFEDGE_INLINE float tfedge_stored_f32_single(const void *values, int32_t index) {
  return ((const float *)values)[index];
}

/* IEEE half precision, of finite numbers; exact. The bits of a half, moved to where a single has
 * them, are the number times 2^-112, subnormal ones included. */
TFEDGE_INLINE float tfedge_stored_f32_half(const void *values, int32_t index) {
  const uint32_t half = ((const uint16_t *)values)[index];
  const uint32_t bits = ((half & 0x8000u) << 16) | ((half & 0x7fffu) << 13);
  float scaled;
  memcpy(&scaled, &bits, sizeof scaled);
  return scaled * 0x1p112f;
}

#endif
