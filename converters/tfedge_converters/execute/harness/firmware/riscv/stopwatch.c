/* Ticks are instructions: QEMU's -icount makes minstret what its name says. */
#include "stopwatch.h"

#include "csr.h"

static uint64_t start;

static uint64_t instructions(void) {
#if __riscv_xlen == 64
  uint64_t count;
  READ_CSR("minstret", count);
  return count;
#else
  uint32_t before, low, after;
  do { /* until no carry falls between the readings */
    READ_CSR("minstreth", before);
    READ_CSR("minstret", low);
    READ_CSR("minstreth", after);
  } while (before != after);
  return (uint64_t)before << 32 | low;
#endif
}

void stopwatch_start(void) {
  start = instructions();
}

uint64_t stopwatch_ticks(void) {
  return instructions() - start;
}

void stopwatch_spin(uint32_t rounds) {
  __asm__ volatile(
      "1: addi %0, %0, -1\n"
      "bnez %0, 1b\n"
      : "+r"(rounds));
}
