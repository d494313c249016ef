/* Serves the model on a simulated core, over its serial port. */
#include "console.h"
#include "semihosting.h"
#include "stopwatch.h"
#include "tfedge_link.h"
#include "uart.h"

#define ARENA_FILL 0xA5

int main(void);

static uint8_t arena[TFEDGE_LINK_ARENA_BYTES == 0 ? 1 : TFEDGE_LINK_ARENA_BYTES]
    __attribute__((aligned(TFEDGE_LINK_ARENA_ALIGN)));
static tfedge_link_context context;

/* QEMU executes 10^9 instructions in a second of its time. */
static uint32_t instructions(void) {
  const uint64_t counted = stopwatch_ticks() * 1000000000u / TICKS_PER_SECOND;
  return counted < TFEDGE_LINK_UNCOUNTED ? (uint32_t)counted : TFEDGE_LINK_UNCOUNTED;
}

static const tfedge_link_port port = {
    .read_byte = uart_read_byte,
    .write_byte = uart_write_byte,
    .start_clock = stopwatch_start,
    .ticks = instructions,
    .tick_unit = "instructions",
};

int main(void) {
  for (uint32_t i = 0; i < sizeof arena; ++i) {
    arena[i] = ARENA_FILL; /* what reads values that were never written shows */
  }
  const int status = tfedge_link_model_init(&context, arena, sizeof arena);
  if (status != 0) {
    console_print(TFEDGE_LINK_NAME "_init returned ");
    console_print_decimal(status);
    console_print("\n");
    semihosting_exit_failure();
  }
  uart_init();
  tfedge_link_init(&context, &port);
  for (;;) {
    tfedge_link_poll();
  }
}
