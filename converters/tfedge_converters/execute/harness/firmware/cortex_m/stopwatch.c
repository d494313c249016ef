/* Ticks are SysTick's. */
#include "stopwatch.h"

void SysTick_Handler(void);

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYST_CSR REGISTER(0xE000E010u) /* control and status */
#define SYST_RVR REGISTER(0xE000E014u) /* reload value */
#define SYST_CVR REGISTER(0xE000E018u) /* current value, counting down */
#define ICSR REGISTER(0xE000ED04u)     /* interrupt control and state */

#define SYST_CSR_ENABLE_INTERRUPT_CORE_CLOCK 7u
#define ICSR_PENDSTSET (1u << 26)
#define ICSR_PENDSTCLR (1u << 25)
#define PERIOD_BITS 24
#define PERIOD_MASK ((1u << PERIOD_BITS) - 1u)

static volatile uint32_t wraps;

void SysTick_Handler(void) {
  wraps = wraps + 1;
}

void stopwatch_start(void) {
  SYST_CSR = 0;
  ICSR = ICSR_PENDSTCLR;
  wraps = 0;
  SYST_RVR = PERIOD_MASK;
  SYST_CVR = 0;
  SYST_CSR = SYST_CSR_ENABLE_INTERRUPT_CORE_CLOCK;
}

uint64_t stopwatch_ticks(void) {
  uint32_t before, left, after;
  do { /* until no wrap falls between the readings */
    before = wraps;
    left = SYST_CVR;
    after = wraps;
  } while (before != after || (ICSR & ICSR_PENDSTSET) != 0);
  return ((uint64_t)before << PERIOD_BITS) + ((0u - left) & PERIOD_MASK);
}

void stopwatch_spin(uint32_t rounds) {
  __asm__ volatile(
      ".syntax unified\n"
      "1: subs %0, %0, #1\n"
      "bne 1b\n"
      : "+l"(rounds)
      :
      : "cc");
}
