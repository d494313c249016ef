#include "stack_gauge.h"

/* What `stack_gauge_paint` of every core paints with. */
#define PAINT 0xC5C5C5C5u

extern uint32_t process_stack_bottom[]; /* of the linker script */

uint32_t stack_gauge_depth(const uint32_t *end_of_paint) {
  const uint32_t *word = process_stack_bottom;
  while (word < end_of_paint && *word == PAINT) {
    ++word;
  }
  return (uint32_t)(end_of_paint - word) * (uint32_t)sizeof *word;
}
