#include "stack_gauge.h"

#define PAINT 0xC5C5C5C5u

extern uint32_t process_stack_bottom[]; /* of the linker script */

/* In assembly, for a frame of its own would lie where it paints. */
__attribute__((naked)) const uint32_t *stack_gauge_paint(void) {
  __asm__ volatile(
      ".syntax unified\n"
      "ldr r1, =process_stack_bottom\n"
      "ldr r2, =0xC5C5C5C5\n"
      "mov r0, sp\n"
      "1: stmia r1!, {r2}\n"
      "cmp r1, r0\n"
      "blo 1b\n"
      "bx lr\n");
}

uint32_t stack_gauge_depth(const uint32_t *end_of_paint) {
  const uint32_t *word = process_stack_bottom;
  while (word < end_of_paint && *word == PAINT) {
    ++word;
  }
  return (uint32_t)(end_of_paint - word) * (uint32_t)sizeof *word;
}
