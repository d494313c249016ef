#ifndef TFEDGE_SEMIHOSTING_CALL_H
#define TFEDGE_SEMIHOSTING_CALL_H

#include <stdint.h>

/* The debugger's trap, which answers in the register of the operation. */
static inline intptr_t semihosting_call(int32_t operation, uintptr_t parameter) {
  register intptr_t r0 __asm__("r0") = operation;
  register uintptr_t r1 __asm__("r1") = parameter;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

#endif
