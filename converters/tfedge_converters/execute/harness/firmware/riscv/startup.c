/* Reset and fault reports for RISC-V cores in machine mode.
 *
 * Traps have a stack of their own: a handler can report a stack that overflowed, and leaves no mark
 * on the stack whose depth is being measured.
 */
#include <stdint.h>

#include "console.h"
#include "csr.h"
#include "semihosting.h"
#include "start.h"

#define MSTATUS_FS_INITIAL 0x2000u
#define MSTATUS_VS_INITIAL 0x200u
#define PMP_LOCKED_NAPOT_NO_ACCESS 0x98u

/* Symbols of the linker script. */
extern uint8_t main_stack_top[], process_stack_guard[], process_stack_bottom[];

void Reset_Handler(void);
void Trap_Handler(void);
__attribute__((noreturn, used)) void report_fault(void);

__attribute__((naked, section(".vectors"), used)) void Reset_Handler(void) {
  __asm__ volatile(
      "la sp, process_stack_top\n"
      "j start_program\n");
}

__attribute__((naked, aligned(4))) void Trap_Handler(void) {
  __asm__ volatile(
      "la sp, main_stack_top\n"
      "j report_fault\n");
}

/* Whatever touches the guard below the stack faults, in machine mode too. */
static void guard_stack(void) {
  const uintptr_t bytes = (uintptr_t)(process_stack_bottom - process_stack_guard);
  WRITE_CSR("pmpaddr0", (uintptr_t)process_stack_guard >> 2 | (bytes / 8 - 1));
  WRITE_CSR("pmpcfg0", (uintptr_t)PMP_LOCKED_NAPOT_NO_ACCESS);
}

void configure_core(void) {
  WRITE_CSR("mtvec", (uintptr_t)Trap_Handler);
#if defined(__riscv_flen)
  SET_CSR_BITS("mstatus", (uintptr_t)MSTATUS_FS_INITIAL);
#endif
#if defined(__riscv_vector)
  SET_CSR_BITS("mstatus", (uintptr_t)MSTATUS_VS_INITIAL);
#endif
  guard_stack();
}

void report_fault(void) {
  uintptr_t cause, address, value;
  READ_CSR("mcause", cause);
  READ_CSR("mepc", address);
  READ_CSR("mtval", value);
  console_print("fault: mcause ");
  console_print_hex((uint32_t)cause);
  if (value >= (uintptr_t)process_stack_guard && value < (uintptr_t)process_stack_bottom) {
    console_print(" stack overflow");
  } else {
    console_print(" pc ");
    console_print_hex((uint32_t)address);
  }
  console_print("\n");
  semihosting_exit_failure();
}
