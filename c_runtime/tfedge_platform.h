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
#if defined(__GNUC__) && __GNUC__ >= 8 && !defined(__clang__)
#define TFEDGE_LAYER static __attribute__((noipa))
#else
#define TFEDGE_LAYER static
#endif

/* A kernel that models share: each brings those that it calls, and of several the linker keeps one,
   whether they come from libraries or from folders of objects. */
#if defined(__GNUC__) && defined(__ELF__)
#define TFEDGE_SHARED __attribute__((weak))
#else
#define TFEDGE_SHARED
#endif

/* A line of each model: the kernels that it was made for. Linkers take a number of this name twice
   only if it is the same: models that different versions of tfedge made do not share kernels. */
#if defined(__GNUC__) && defined(__ELF__)
#define TFEDGE_KERNELS_OF(id)                                       \
  __asm__(                                                          \
      ".globl tfedge_models_of_one_firmware_need_the_same_tfedge\n" \
      ".set tfedge_models_of_one_firmware_need_the_same_tfedge, " id);
#else
#define TFEDGE_KERNELS_OF(id)
#endif

/* AVR copies constants to RAM, but those that it is told to read from flash: the self-test's. */
#if defined(__AVR__)
#include <avr/io.h>
#include <avr/pgmspace.h>
#define TFEDGE_STORED PROGMEM
#define TFEDGE_COPY_STORED memcpy_P
#define TFEDGE_COMPARE_STORED memcmp_P
#else
#define TFEDGE_STORED
#define TFEDGE_COPY_STORED memcpy
#define TFEDGE_COMPARE_STORED memcmp
#endif

#define TFEDGE_STATIC_ASSERT(condition, name) \
  typedef char tfedge_static_assert_##name[(condition) ? 1 : -1]

/* C99 leaves these to the compiler; every compiler for our targets agrees. */
TFEDGE_STATIC_ASSERT((-1 >> 1) == -1, right_shift_is_arithmetic);
TFEDGE_STATIC_ASSERT((int32_t)0x80000000u == INT32_MIN, conversion_to_signed_keeps_the_bits);
TFEDGE_STATIC_ASSERT(sizeof(float) == 4, float_is_single_precision);

/* A line of each model. AVR's linker would let the stack run into what does not fit; a program and
   its stack take 512 bytes and more. */
#if defined(__AVR__) && !(defined(__AVR_RODATA_IN_RAM__) && __AVR_RODATA_IN_RAM__ == 0)
#define TFEDGE_FITS_RAM(arena, state, constants)                                         \
  TFEDGE_STATIC_ASSERT(512L + (arena) + (state) + (constants) <= RAMEND - RAMSTART + 1L, \
                       arena_and_constants_are_too_large_for_the_RAM_of_this_AVR);
#else
#define TFEDGE_FITS_RAM(arena, state, constants)
#endif

/* What the generated functions return. */
enum tfedge_status {
  TFEDGE_OK = 0,
  TFEDGE_ERROR_NULL = -1,            /* a pointer argument is NULL */
  TFEDGE_ERROR_ARENA_TOO_SMALL = -2, /* fewer than ..._ARENA_BYTES bytes */
  TFEDGE_ERROR_ARENA_ALIGNMENT = -3, /* not aligned to ..._ARENA_ALIGN bytes */
  TFEDGE_ERROR_SELF_TEST = -4,       /* an output differs from the stored one */
  TFEDGE_ERROR_NO_VECTORS = -5,      /* the self-test was generated without vectors */
  TFEDGE_ERROR_INDEX = -6,           /* an index in the data lies outside of what it picks from */
  TFEDGE_ERROR_INTERPRETER = -7      /* TFLite Micro's interpreter refuses the model, or failed */
};

/* A status as it is written above, for messages. */
TFEDGE_INLINE const char *tfedge_status_name(int status) {
  switch (status) {
    case TFEDGE_OK:
      return "TFEDGE_OK";
    case TFEDGE_ERROR_NULL:
      return "TFEDGE_ERROR_NULL";
    case TFEDGE_ERROR_ARENA_TOO_SMALL:
      return "TFEDGE_ERROR_ARENA_TOO_SMALL";
    case TFEDGE_ERROR_ARENA_ALIGNMENT:
      return "TFEDGE_ERROR_ARENA_ALIGNMENT";
    case TFEDGE_ERROR_SELF_TEST:
      return "TFEDGE_ERROR_SELF_TEST";
    case TFEDGE_ERROR_NO_VECTORS:
      return "TFEDGE_ERROR_NO_VECTORS";
    case TFEDGE_ERROR_INDEX:
      return "TFEDGE_ERROR_INDEX";
    case TFEDGE_ERROR_INTERPRETER:
      return "TFEDGE_ERROR_INTERPRETER";
    default:
      return "no tfedge_status";
  }
}

#endif
