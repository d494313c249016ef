/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ROW_WINDOW_S8_H
#define TFEDGE_ROW_WINDOW_S8_H

#include "tfedge_vectors.h"

/* The input rows that one row of outputs reads, or a few, copied one behind the other and padded
 * with the zero point, so that a window's rows lie at equal steps and no kernel needs code for
 * borders. Every input row is read once, in order, before the first row of outputs that needs it is
 * written. */
typedef struct tfedge_row_window_s8_params {
  int32_t input_height;
  int32_t input_row; /* values in an input row */
  int32_t rows;      /* in the window */
  int32_t row;       /* values in a padded row */
  int32_t pad_top;
  int32_t pad_left; /* values before an input row: the padding times the channels */
  int32_t zero_point;
} tfedge_row_window_s8_params;

typedef struct tfedge_row_window_s8 {
  int8_t *rows; /* [rows][row] */
  int32_t next; /* the input row to copy next */
} tfedge_row_window_s8;

/* An empty window above the input, in `rows`. */
TFEDGE_INLINE tfedge_row_window_s8
tfedge_row_window_s8_start(const tfedge_row_window_s8_params *params, int8_t *rows) {
  const tfedge_row_window_s8 window = {rows, -params->pad_top};
  tfedge_fill_lanes_s8(rows, params->zero_point, params->rows * params->row);
  return window;
}

TFEDGE_INLINE void tfedge_row_window_s8_copy(const tfedge_row_window_s8_params *params,
                                             const int8_t *input, int32_t y, int8_t *to) {
  to += params->pad_left;
  if (y >= 0 && y < params->input_height) {
    tfedge_copy_lanes_s8(to, input + y * params->input_row, params->input_row);
  } else {
    tfedge_fill_lanes_s8(to, params->zero_point, params->input_row);
  }
}

/* Moves the window down to where it begins at input row `first`, which never decreases. */
TFEDGE_INLINE void tfedge_row_window_s8_move(const tfedge_row_window_s8_params *params,
                                             tfedge_row_window_s8 *window, const int8_t *input,
                                             int32_t first) {
  const int32_t kept = window->next - first; /* rows that are there already */
  if (kept > 0 && kept < params->rows) {
    tfedge_copy_lanes_s8(window->rows, window->rows + (params->rows - kept) * params->row,
                         kept * params->row);
  }
  for (int32_t row = kept > 0 ? kept : 0; row < params->rows; row++) {
    tfedge_row_window_s8_copy(params, input, first + row, window->rows + row * params->row);
  }
  window->next = first + params->rows;
}

#endif
