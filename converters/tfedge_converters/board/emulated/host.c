/* Serves the model on this computer, over the standard input and output. */
#include <stdio.h>
#include <stdlib.h>

#include "tfedge_link.h"

static uint8_t arena[TFEDGE_LINK_ARENA_BYTES == 0 ? 1 : TFEDGE_LINK_ARENA_BYTES]
    __attribute__((aligned(TFEDGE_LINK_ARENA_ALIGN)));
static tfedge_link_context context;

/* Waits for the next byte. */
static int read_byte(void) {
  const int byte = getchar();
  if (byte == EOF) {
    exit(EXIT_SUCCESS);
  }
  return byte;
}

static void write_byte(uint8_t byte) {
  (void)putchar(byte);
}

static void flush(void) {
  (void)fflush(stdout);
}

static const tfedge_link_port port = {
    .read_byte = read_byte, .write_byte = write_byte, .flush = flush, .tick_unit = ""};

int main(void) {
  const int status = tfedge_link_model_init(&context, arena, sizeof arena);
  if (status != 0) {
    (void)fprintf(stderr, TFEDGE_LINK_NAME "_init returned %d\n", status);
    return EXIT_FAILURE;
  }
  tfedge_link_init(&context, &port);
  tfedge_link_poll();
  return EXIT_SUCCESS;
}
