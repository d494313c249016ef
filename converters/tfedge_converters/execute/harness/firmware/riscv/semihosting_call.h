#ifndef TFEDGE_SEMIHOSTING_CALL_H
#define TFEDGE_SEMIHOSTING_CALL_H

#include <stdint.h>

/* The debugger's trap, which answers in the register of the operation: three instructions of 32
 * bits each, in one page ("RISC-V Semihosting"). */
static inline intptr_t semihosting_call(int32_t operation, uintptr_t parameter) {
  register intptr_t a0 __asm__("a0") = operation;
  register uintptr_t a1 __asm__("a1") = parameter;
  __asm__ volatile(
      ".balign 16\n"
      ".option push\n"
      ".option norvc\n"
      "slli x0, x0, 0x1f\n"
      "ebreak\n"
      "srai x0, x0, 0x7\n"
      ".option pop\n"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
}

#endif
