/* A model that does nothing: firmware of it shows what the harness alone takes. */
#ifndef EMPTY_H
#define EMPTY_H

#include <stddef.h>
#include <stdint.h>

#define EMPTY_ARENA_ALIGN 16u
#define EMPTY_STATE_BYTES 0

typedef struct empty_context {
  void *arena;
} empty_context;

int empty_init(empty_context *context, void *arena, size_t arena_bytes);
void *empty_input(const empty_context *context, int index);
int empty_invoke(empty_context *context);
const void *empty_output(const empty_context *context, int index);

#endif
