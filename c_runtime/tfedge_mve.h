/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_MVE_H
#define TFEDGE_MVE_H

#include <string.h>

#include "tfedge_platform.h"

/* The vector extension of Armv8.1-M, MVE or Helium (Cortex-M55, Cortex-M85): 16 lanes of int8, 8 of
 * int16 or 4 of int32. Kernels for lanes have a second body in plain C that reads the same packed
 * constants, so that what is generated for such a core runs anywhere.
 *
 * Inner loops are assembly with tail-predicated loops (DLSTP, LETP): the last turn loads and stores
 * only the lanes that are left, so that nothing is read or written beyond an array, and compilers
 * can neither unroll them nor run out of registers. */
#if defined(__ARM_FEATURE_MVE) && defined(__GNUC__) && !defined(__ARM_BIG_ENDIAN)
#define TFEDGE_HAS_MVE 1
#include <arm_mve.h>
#else
#define TFEDGE_HAS_MVE 0
#endif

/* The operand of inline assembly that says where a field lies in what a register points to. */
#define TFEDGE_FIELD(type, field) [field] "i"(offsetof(type, field))

/* Values of int8 in a vector. */
#define TFEDGE_LANES 16

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
#else
  memset(to, (int)value, (size_t)count);
#endif
}

/* Copies count runs of size >= 1 bytes, which begin from_step and to_step bytes apart. */
TFEDGE_INLINE void tfedge_spread_lanes_s8(int8_t *to, int32_t to_step, const int8_t *from,
                                          int32_t from_step, int32_t size, int32_t count) {
  for (; count > 0; count--) {
    tfedge_copy_lanes_s8(to, from, size);
    to += to_step;
    from += from_step;
  }
}

#endif
