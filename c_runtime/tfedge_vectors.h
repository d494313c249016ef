/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_VECTORS_H
#define TFEDGE_VECTORS_H

#include <string.h>

#include "tfedge_platform.h"

/* Vector extensions. Kernels for one of them have a second body in plain C that reads the same
 * packed constants, so that what is generated for such a core runs anywhere.
 *
 * MVE or Helium of Armv8.1-M (Cortex-M55, Cortex-M85) has vectors of 128 bits: 16 lanes of int8, 8
 * of int16 or 4 of int32. Inner loops are assembly with tail-predicated loops (DLSTP, LETP): the
 * last turn loads and stores only the lanes that are left, so that nothing is read or written
 * beyond an array, and compilers can neither unroll them nor run out of registers. */
#if defined(__ARM_FEATURE_MVE) && defined(__GNUC__) && !defined(__ARM_BIG_ENDIAN)
#define TFEDGE_HAS_MVE 1
#include <arm_mve.h>
#else
#define TFEDGE_HAS_MVE 0
#endif

/* RVV 1.0 of RISC-V, of which the part for embedded cores, Zve32x, is enough, in registers of 128
 * bits or more. Kernels are written in the C intrinsics of version 1.0, which clang has from 17 on
 * and GCC from 14 on. Groups of eight registers hold TFEDGE_GROUP values of int32 then. */
#if defined(__riscv_v_intrinsic) && __riscv_v_intrinsic >= 12000 && __riscv_v_min_vlen >= 128
#define TFEDGE_HAS_RVV 1
#include <riscv_vector.h>
#else
#define TFEDGE_HAS_RVV 0
#endif

/* The operand of inline assembly that says where a field lies in what a register points to. */
#define TFEDGE_FIELD(type, field) [field] "i"(offsetof(type, field))

/* Values of int8 in a vector of MVE. */
#define TFEDGE_LANES 16

/* Channels that kernels for RVV compute at a time. */
#define TFEDGE_GROUP 32

/* Of `left` channels those of the next group. */
TFEDGE_INLINE int32_t tfedge_group_size(int32_t left) {
  return left < TFEDGE_GROUP ? left : TFEDGE_GROUP;
}

#if TFEDGE_HAS_RVV

/* The same as the length of vectors, which compilers do not compute again. */
TFEDGE_INLINE size_t tfedge_group_length(int32_t left) {
  return __riscv_vsetvl_e16m4((size_t)tfedge_group_size(left));
}

/* Values of int8 as int16, for products. */
TFEDGE_INLINE vint16m4_t tfedge_group_s8(const int8_t *values, size_t count) {
  return __riscv_vsext_vf2_i16m4(__riscv_vle8_v_i8m2(values, count), count);
}

/* Stores values that are within int8. */
TFEDGE_INLINE void tfedge_store_group_s8(int8_t *to, vint32m8_t values, size_t count) {
  const vint16m4_t narrow = __riscv_vncvt_x_x_w_i16m4(values, count);
  __riscv_vse8_v_i8m2(to, __riscv_vncvt_x_x_w_i8m2(narrow, count), count);
}

#endif

/* Copies count >= 1 bytes to where they do not overlap, or to an address below. */
TFEDGE_INLINE void tfedge_copy_lanes_s8(int8_t *to, const int8_t *from, int32_t count) {
#if TFEDGE_HAS_MVE
  __asm__ volatile(
      "  dlstp.8 lr, %[count]\n"
      "1:\n"
      "  vldrb.8 q0, [%[from]], #16\n"
      "  vstrb.8 q0, [%[to]], #16\n"
      "  letp lr, 1b\n"
      : [to] "+r"(to), [from] "+r"(from)
      : [count] "r"(count)
      : "q0", "lr", "memory");
#elif TFEDGE_HAS_RVV
  size_t left = (size_t)count;
  while (left > 0u) {
    const size_t values = __riscv_vsetvl_e8m8(left);
    __riscv_vse8_v_i8m8(to, __riscv_vle8_v_i8m8(from, values), values);
    to += values;
    from += values;
    left -= values;
  }
#else
  memmove(to, from, (size_t)count);
#endif
}

/* Sets count >= 1 bytes. */
TFEDGE_INLINE void tfedge_fill_lanes_s8(int8_t *to, int32_t value, int32_t count) {
#if TFEDGE_HAS_MVE
  __asm__ volatile(
      "  vdup.8 q0, %[value]\n"
      "  dlstp.8 lr, %[count]\n"
      "1:\n"
      "  vstrb.8 q0, [%[to]], #16\n"
      "  letp lr, 1b\n"
      : [to] "+r"(to)
      : [value] "r"(value), [count] "r"(count)
      : "q0", "lr", "memory");
#elif TFEDGE_HAS_RVV
  size_t left = (size_t)count;
  while (left > 0u) {
    const size_t values = __riscv_vsetvl_e8m8(left);
    __riscv_vse8_v_i8m8(to, __riscv_vmv_v_x_i8m8((int8_t)value, values), values);
    to += values;
    left -= values;
  }
#else
  memset(to, (int)value, (size_t)count);
#endif
}

/* Copies count runs of size >= 1 bytes, which begin from_step and to_step bytes apart and do not
 * overlap. */
TFEDGE_INLINE void tfedge_spread_lanes_s8(int8_t *to, int32_t to_step, const int8_t *from,
                                          int32_t from_step, int32_t size, int32_t count) {
#if TFEDGE_HAS_RVV
  if (size <= 4) { /* the first bytes of all runs, then the second ones */
    size_t left = (size_t)count;
    while (left > 0u) {
      const size_t runs = __riscv_vsetvl_e8m8(left);
      for (int32_t byte = 0; byte < size; byte++) {
        const vint8m8_t bytes = __riscv_vlse8_v_i8m8(from + byte, from_step, runs);
        __riscv_vsse8_v_i8m8(to + byte, to_step, bytes, runs);
      }
      to += (int32_t)runs * to_step;
      from += (int32_t)runs * from_step;
      left -= runs;
    }
    return;
  }
#endif
  for (; count > 0; count--) {
    tfedge_copy_lanes_s8(to, from, size);
    to += to_step;
    from += from_step;
  }
}

#endif
