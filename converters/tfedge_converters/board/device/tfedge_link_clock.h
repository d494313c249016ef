/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0
 *
 * A clock for tfedge_link_port: the core's own counter of cycles.
 *
 * Sources: Arm, ARMv7-M Architecture Reference Manual, C1.8 (DWT) and B3.3 (SysTick); RISC-V
 * Instruction Set Manual, volume II, "Hardware Performance Monitor".
 */
#ifndef TFEDGE_LINK_CLOCK_H
#define TFEDGE_LINK_CLOCK_H

#include <stdint.h>

#include "tfedge_link.h"

#define TFEDGE_LINK_REGISTER(address) (*(volatile uint32_t *)(address))

#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__) || defined(__ARM_ARCH_8M_MAIN__) || \
    defined(__ARM_ARCH_8_1M_MAIN__)

/* DWT's CYCCNT, of 32 bits; nothing else uses it but debuggers. */
#define TFEDGE_LINK_TICK_UNIT "cycles (DWT)"
#define TFEDGE_LINK_DEMCR TFEDGE_LINK_REGISTER(0xE000EDFCu)
#define TFEDGE_LINK_DWT_CTRL TFEDGE_LINK_REGISTER(0xE0001000u)
#define TFEDGE_LINK_DWT_CYCCNT TFEDGE_LINK_REGISTER(0xE0001004u)

static inline void tfedge_link_clock_start(void) {
  TFEDGE_LINK_DEMCR |= 1u << 24; /* TRCENA */
  TFEDGE_LINK_DWT_CTRL |= 1u;    /* CYCCNTENA */
  TFEDGE_LINK_DWT_CYCCNT = 0;
}

static inline uint32_t tfedge_link_clock_ticks(void) {
  const uint32_t ticks = TFEDGE_LINK_DWT_CYCCNT;
  return (TFEDGE_LINK_DWT_CTRL & 1u << 25) != 0u ? TFEDGE_LINK_UNCOUNTED : ticks; /* NOCYCCNT */
}

#elif defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)

/* SysTick, of 24 bits, counting down: only where no operating system and no library uses it. Layers
 * that take longer are not counted. */
#define TFEDGE_LINK_TICK_UNIT "cycles (SysTick)"
#define TFEDGE_LINK_SYST_CSR TFEDGE_LINK_REGISTER(0xE000E010u)
#define TFEDGE_LINK_SYST_RVR TFEDGE_LINK_REGISTER(0xE000E014u)
#define TFEDGE_LINK_SYST_CVR TFEDGE_LINK_REGISTER(0xE000E018u)

static inline void tfedge_link_clock_start(void) {
  TFEDGE_LINK_SYST_RVR = 0xFFFFFFu;
  TFEDGE_LINK_SYST_CVR = 0;  /* which clears COUNTFLAG too */
  TFEDGE_LINK_SYST_CSR = 5u; /* ENABLE, of the core's clock */
}

static inline uint32_t tfedge_link_clock_ticks(void) {
  const uint32_t left = TFEDGE_LINK_SYST_CVR;
  const uint32_t wrapped = TFEDGE_LINK_SYST_CSR & 1u << 16; /* COUNTFLAG */
  return wrapped != 0u ? TFEDGE_LINK_UNCOUNTED : (0u - left) & 0xFFFFFFu;
}

#elif defined(__riscv)

/* mcycle, in machine mode. */
#define TFEDGE_LINK_TICK_UNIT "cycles (mcycle)"

static uint32_t tfedge_link_clock_begin;

static inline uint32_t tfedge_link_clock_mcycle(void) {
  unsigned long cycles;
  /* By its number: assemblers want an extension for its name, which models do without. */
  __asm__ volatile(".insn i 0x73, 2, %0, x0, -1280" : "=r"(cycles)); /* csrr %0, 0xB00 */
  return (uint32_t)cycles;
}

static inline void tfedge_link_clock_start(void) {
  tfedge_link_clock_begin = tfedge_link_clock_mcycle();
}

static inline uint32_t tfedge_link_clock_ticks(void) {
  return tfedge_link_clock_mcycle() - tfedge_link_clock_begin;
}

#else
#error \
    "tfedge_link_clock.h knows no counter of this core: give tfedge_link_port a clock of your own"
#endif

#endif
