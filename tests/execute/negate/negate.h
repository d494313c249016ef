/* A model in the form that the generator writes: an int8 and an int16 vector in, both negated out.
 * The first int8 can ask for misbehaviour instead: see tfedge_mischief.h. */
#ifndef NEGATE_H
#define NEGATE_H

#include <stddef.h>
#include <stdint.h>

#define NEGATE_ARENA_BYTES 40u
#define NEGATE_ARENA_ALIGN 16u
#define NEGATE_STATE_BYTES 0

typedef struct negate_context {
  uint8_t *arena;
} negate_context;

int negate_init(negate_context *context, void *arena, size_t arena_bytes);
void *negate_input(const negate_context *context, int index);
int negate_invoke(negate_context *context);
const void *negate_output(const negate_context *context, int index);
int negate_self_test(negate_context *context);

#endif
