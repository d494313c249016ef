/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_REQUANTIZE_CHANNELS_H
#define TFEDGE_REQUANTIZE_CHANNELS_H

#include "tfedge_requantize_lanes.h"

/* Requantisation of a group of channels at a time, the same numbers as tfedge_requantize:
 *
 *   output = clamp(zero_point + round(round(sum * multiplier / 2^31) * 2^-right_shift))
 *
 * Sums of any size. */
typedef struct tfedge_channels_scales {
  const int32_t *multipliers;  /* Q0.31 */
  const int32_t *right_shifts; /* 1..31 */
  int32_t each;                /* 1: for each channel; 0: a group's, which are the same, for all */
} tfedge_channels_scales;

#if TFEDGE_HAS_RVV

/* `count` channels from `channel` on. VSMUL, which adds half and rounds down, rounds as the
 * reference: see tfedge_multiply_high. VSSRA does so, too, where the reference rounds halves away
 * from zero, so that negative numbers are made smaller by one first. */
TFEDGE_INLINE vint8m2_t tfedge_requantize_group(vint32m8_t sums,
                                                const tfedge_channels_scales *scales,
                                                int32_t channel, const tfedge_lanes_output *output,
                                                size_t count) {
  const int32_t first = channel * scales->each;
  const vint32m8_t multipliers = __riscv_vle32_v_i32m8(scales->multipliers + first, count);
  vint32m8_t y = __riscv_vsmul_vv_i32m8(sums, multipliers, __RISCV_VXRM_RNU, count);
  y = __riscv_vsbc_vxm_i32m8(y, 0, __riscv_vmslt_vx_i32m8_b4(y, 0, count), count);
  const vint32m8_t shifts = __riscv_vle32_v_i32m8(scales->right_shifts + first, count);
  y = __riscv_vssra_vv_i32m8(y, __riscv_vreinterpret_v_i32m8_u32m8(shifts), __RISCV_VXRM_RNU,
                             count);
  vint16m4_t narrow = __riscv_vnclip_wx_i16m4(y, 0, __RISCV_VXRM_RNU, count);
  narrow = __riscv_vsadd_vx_i16m4(narrow, (int16_t)output->zero_point, count);
  vint8m2_t bytes = __riscv_vnclip_wx_i8m2(narrow, 0, __RISCV_VXRM_RNU, count);
  bytes = __riscv_vmax_vx_i8m2(bytes, (int8_t)output->min, count);
  return __riscv_vmin_vx_i8m2(bytes, (int8_t)output->max, count);
}

#else

TFEDGE_INLINE int8_t tfedge_requantize_channel(int32_t sum, const tfedge_channels_scales *scales,
                                               int32_t channel, const tfedge_lanes_output *output) {
  const int32_t at = channel * scales->each;
  return tfedge_requantize_lane(sum, scales->multipliers[at], -scales->right_shifts[at], output);
}

#endif

#endif
