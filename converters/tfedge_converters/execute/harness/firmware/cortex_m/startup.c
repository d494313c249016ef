/* Vector table, reset and fault reports for any Cortex-M.
 *
 * The program runs on the process stack, handlers on the main stack: a handler can report a stack
 * that overflowed, and leaves no mark on the stack whose depth is being measured.
 */
#include <stdint.h>

#include "console.h"
#include "semihosting.h"
#include "start.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define CCR REGISTER(0xE000ED14u)   /* configuration and control */
#define CFSR REGISTER(0xE000ED28u)  /* configurable fault status */
#define CPACR REGISTER(0xE000ED88u) /* coprocessor access control */

#define CCR_UNALIGN_TRP (1u << 3)
#define CPACR_FPU_AND_MVE (0xFu << 20)

/* Symbols of the linker script. */
extern uint32_t main_stack_top[], process_stack_bottom[], process_stack_top[];

void Reset_Handler(void);
void Fault_Handler(void);
void SysTick_Handler(void);
__attribute__((noreturn, used)) void report_fault(const uint32_t *frame);

__attribute__((naked)) void Reset_Handler(void) {
  __asm__ volatile(
      "ldr r0, =process_stack_top\n"
      "msr psp, r0\n"
      "movs r0, #2\n" /* CONTROL.SPSEL */
      "msr control, r0\n"
      "isb\n"
      "bl start_program\n");
}

void configure_core(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  CPACR |= CPACR_FPU_AND_MVE;
  __asm__ volatile("dsb\n isb" ::: "memory");
#endif
#if defined(__ARM_ARCH_6M__)
  /* The machine's core allows unaligned access; the core that the program is for does not. */
  CCR |= CCR_UNALIGN_TRP;
#endif
}

__attribute__((naked)) void Fault_Handler(void) {
  __asm__ volatile(
      "mrs r0, psp\n"
      "bl report_fault\n");
}

/* frame: r0-r3, r12, lr, pc and psr at the fault, unless there was no stack left to store them. */
void report_fault(const uint32_t *frame) {
  console_print("fault: cfsr ");
  console_print_hex(CFSR);
  if (frame < process_stack_bottom) {
    console_print(" stack overflow");
  } else {
    console_print(" pc ");
    console_print_hex(frame[6]);
  }
  console_print("\n");
  semihosting_exit_failure();
}

typedef void (*vector)(void);

/* The core-defined part of the table; entry 0 is the main stack pointer. */
__attribute__((section(".vectors"), used)) static const struct {
  uint32_t *main_stack;
  vector handlers[15];
} vectors = {main_stack_top,
             {Reset_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler,
              Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler,
              Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, SysTick_Handler}};
