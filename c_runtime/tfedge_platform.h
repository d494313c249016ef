/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_PLATFORM_H
#define TFEDGE_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/* Generated code checks that it is compiled with the runtime that it was made for. */
#define TFEDGE_RUNTIME_VERSION 1

/* Cortex-M0, M0+, M1 and M23: eight registers for most instructions, and products of 32 bits. */
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
#define TFEDGE_IS_BASELINE 1
#else
#define TFEDGE_IS_BASELINE 0
#endif

/* Kernel bodies are inlined into their callers so that literal shapes fold into the code. */
#if defined(__GNUC__)
#define TFEDGE_INLINE static inline __attribute__((always_inline, unused))
#else
#define TFEDGE_INLINE static inline
#endif

/* A function that is not inlined. */
#if defined(__GNUC__)
#define TFEDGE_APART __attribute__((noinline))
#else
#define TFEDGE_APART
#endif

/* A layer of the network. GCC 12, where it does not inline a layer, may take it for a function that
   writes nothing, and leave its call out: it addresses results by way of operands whose elements
   have another size, and its analysis of what functions write loses sight of that. */
#if defined(__GNUC__) && !defined(__clang__)
#define TFEDGE_LAYER static __attribute__((noipa))
#else
#define TFEDGE_LAYER static
#endif

#define TFEDGE_STATIC_ASSERT(condition, name) \
  typedef char tfedge_static_assert_##name[(condition) ? 1 : -1]

/* C99 leaves these to the compiler; every compiler for our targets agrees. */
TFEDGE_STATIC_ASSERT((-1 >> 1) == -1, right_shift_is_arithmetic);
TFEDGE_STATIC_ASSERT((int32_t)0x80000000u == INT32_MIN, conversion_to_signed_keeps_the_bits);
TFEDGE_STATIC_ASSERT(sizeof(float) == 4, float_is_single_precision);
TFEDGE_STATIC_ASSERT(sizeof(int) >= 4, int_has_32_bits);

/* What the generated functions return. */
enum tfedge_status {
  TFEDGE_OK = 0,
  TFEDGE_ERROR_NULL = -1,            /* a pointer argument is NULL */
  TFEDGE_ERROR_ARENA_TOO_SMALL = -2, /* fewer than ..._ARENA_BYTES bytes */
  TFEDGE_ERROR_ARENA_ALIGNMENT = -3, /* not aligned to ..._ARENA_ALIGN bytes */
  TFEDGE_ERROR_SELF_TEST = -4,       /* an output differs from the stored one */
  TFEDGE_ERROR_NO_VECTORS = -5,      /* the self-test was generated without vectors */
  TFEDGE_ERROR_INDEX = -6            /* an index in the data lies outside of what it picks from */
};

#endif
