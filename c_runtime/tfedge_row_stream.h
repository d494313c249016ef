/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ROW_STREAM_H
#define TFEDGE_ROW_STREAM_H

#include "tfedge_platform.h"

/* Layers that are computed together, a band of rows at a time, so that tensors between them are
 * never there as a whole. A tensor's rows lie one behind the other in a buffer, from the oldest
 * that a layer still needs. The generator has found the order of the bands, and how many rows each
 * buffer has to have room for; no row is computed twice. */
typedef struct tfedge_row_buffer {
  int8_t *rows;
  int32_t row_bytes;
  int32_t first; /* the row of the tensor that lies at the beginning */
  int32_t end;   /* the row behind the last one that is there */
} tfedge_row_buffer;

/* One band. */
typedef struct tfedge_row_turn {
  uint8_t stage;   /* the layer */
  uint8_t band;    /* which of the layer's parameters are for a band of this shape */
  uint8_t rows;    /* of the band */
  uint8_t dropped; /* rows that leave the layer's buffer before, and make room */
} tfedge_row_turn;

/* Makes room for a band at the end of a buffer, and returns where it goes. */
int8_t *tfedge_row_buffer_append(tfedge_row_buffer *buffer, const tfedge_row_turn *turn);

/* The first row that the windows of the output's next band see, of an input whose windows are
 * stride rows apart and begin pad_top rows above it. */
TFEDGE_INLINE const int8_t *tfedge_row_buffer_seen(const tfedge_row_buffer *input,
                                                   const tfedge_row_buffer *output, int32_t stride,
                                                   int32_t pad_top) {
  const int32_t row = output->end * stride - pad_top;
  return input->rows + ((row > 0 ? row : 0) - input->first) * input->row_bytes;
}

#endif
