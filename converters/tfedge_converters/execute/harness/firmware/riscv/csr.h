/* Control and status registers, by their names in assembly. */
#ifndef TFEDGE_CSR_H
#define TFEDGE_CSR_H

#include <stdint.h>

/* GCC 12 has these instructions in an extension of their own, which models do without. */
#define WITH_CSR(instruction) \
  ".option push\n"            \
  ".option arch, +zicsr\n" instruction "\n.option pop\n"

#define READ_CSR(name, value) __asm__ volatile(WITH_CSR("csrr %0, " name) : "=r"(value))
#define WRITE_CSR(name, value) __asm__ volatile(WITH_CSR("csrw " name ", %0") : : "r"(value))
#define SET_CSR_BITS(name, bits) __asm__ volatile(WITH_CSR("csrs " name ", %0") : : "r"(bits))

#endif
