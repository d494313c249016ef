/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_row_stream.h"

#include <string.h>

/* Copies bytes to where lower addresses are, four at a time: small libraries move single ones. */
static void move_down(int8_t *to, const int8_t *from, int32_t count) {
  int32_t left = count;
  for (; left >= 4; left -= 4) {
    uint32_t word;
    memcpy(&word, from, sizeof word);
    memcpy(to, &word, sizeof word);
    from += 4;
    to += 4;
  }
  for (; left > 0; left--) {
    *to++ = *from++;
  }
}

TFEDGE_SHARED
int8_t *tfedge_row_buffer_append(tfedge_row_buffer *buffer, const tfedge_row_turn *turn) {
  if (turn->dropped > 0) {
    const int32_t gone = turn->dropped * buffer->row_bytes;
    const int32_t kept = (buffer->end - buffer->first) * buffer->row_bytes - gone;
    move_down(buffer->rows, buffer->rows + gone, kept);
    buffer->first += turn->dropped;
  }
  int8_t *const end = buffer->rows + (buffer->end - buffer->first) * buffer->row_bytes;
  buffer->end += turn->rows;
  return end;
}
