/* From reset to the end of the program, for any core. */
#include "start.h"

#include <stdint.h>

#include "semihosting.h"

/* Symbols of the linker script. */
extern uint32_t data_load_start[], data_start[], data_end[], bss_start[], bss_end[];
extern void (*const constructors_start[])(void), (*const constructors_end[])(void);

int main(void);

void start_program(void) {
  configure_core();
  /* volatile: no call of memcpy or memset, for the harness is to use nothing of the C library */
  const uint32_t *source = data_load_start;
  for (volatile uint32_t *word = data_start; word < data_end; ++word) {
    *word = *source++;
  }
  for (volatile uint32_t *word = bss_start; word < bss_end; ++word) {
    *word = 0;
  }
  for (void (*const *construct)(void) = constructors_start; construct < constructors_end;
       ++construct) {
    (*construct)();
  }
  (void)main();
  semihosting_exit_success();
}
