#include "tfedge_mischief.h"

#include <stddef.h>

static int return_negative(const int16_t *pair, const uint8_t *arena_end) {
  (void)pair;
  (void)arena_end;
  return -7;
}

static int trap(const int16_t *pair, const uint8_t *arena_end) {
  (void)pair;
  (void)arena_end;
  __builtin_trap();
}

static int loop_forever(const int16_t *pair, const uint8_t *arena_end) {
  (void)arena_end;
  while (*(const volatile int16_t *)pair == *pair) {
  }
  return 0;
}

static int read_behind_arena(const int16_t *pair, const uint8_t *arena_end) {
  (void)pair;
  return *(const volatile uint8_t *)arena_end == 0 ? 0 : 0;
}

static int overflow_stack(const int16_t *pair, const uint8_t *arena_end) {
  volatile uint8_t frame[1024] = {0};
  frame[0] = *(arena_end - 1);
  if (pair[0] == 0) {
    return frame[0];
  }
  return overflow_stack(pair, (const uint8_t *)frame + 1024) + frame[0];
}

static int spin(const int16_t *pair, const uint8_t *arena_end) {
  (void)arena_end;
#if defined(__arm__) || defined(__riscv)
  uint32_t rounds = 65536u * (uint16_t)pair[1] + (uint16_t)pair[0];
#endif
#if defined(__arm__)
  __asm__ volatile(
      ".syntax unified\n"
      "1: nop\n"
      "subs %0, %0, #1\n"
      "bne 1b\n"
      : "+l"(rounds)
      :
      : "cc");
#elif defined(__riscv)
  __asm__ volatile(
      "1: nop\n"
      "addi %0, %0, -1\n"
      "bnez %0, 1b\n"
      : "+r"(rounds));
#else
  (void)pair;
#endif
  return 0;
}

static int use_stack(const int16_t *pair, const uint8_t *arena_end) {
  volatile uint8_t frame[4096];
  (void)arena_end;
  for (int i = 0; i < pair[0]; ++i) {
    frame[4095 - i] = 1;
  }
  return frame[4095] == 0 ? 0 : 0;
}

static int read_unaligned(const int16_t *pair, const uint8_t *arena_end) {
  (void)pair;
  return *(const volatile uint32_t *)(const void *)(arena_end - 3) == 0 ? 0 : 0;
}

typedef int (*mischief)(const int16_t *pair, const uint8_t *arena_end);

static const mischief mischiefs[] = {return_negative, trap, loop_forever, read_behind_arena,
                                     overflow_stack,  spin, use_stack,    read_unaligned};

int tfedge_mischief(int kind, const int16_t *pair, const uint8_t *arena_end) {
  const int index = kind - MISCHIEF_RETURN_NEGATIVE;
  const int known = index >= 0 && (size_t)index < sizeof mischiefs / sizeof mischiefs[0];
  return known ? mischiefs[index](pair, arena_end) : 0;
}
