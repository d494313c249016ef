/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_COLUMNS_H
#define TFEDGE_CONV_2D_COLUMNS_H

#include "tfedge_conv_2d_pairs_s8.h"
#include "tfedge_copy_s8.h"
#include "tfedge_four_pixels.h"

/* What convolutions by columns of four pixels share, however their weights are stored. */

/* The rows of the input that windows look at. Padding is part of them: the first row is the one
 * pad_top above the input. */
typedef struct tfedge_row_ring {
  int8_t *rows;
  int8_t *end;
  int8_t *next;     /* where the next row goes */
  int32_t next_row; /* which one that is */
  int32_t row_bytes;
} tfedge_row_ring;

TFEDGE_INLINE void tfedge_columns_fill_row(int8_t *to, int32_t value, int32_t count) {
  const uint32_t byte = (uint32_t)value & 0xffu;
  const uint32_t four = byte | byte << 8 | byte << 16 | byte << 24;
  for (int32_t i = 0; i < count; i += 4) {
    memcpy(to + i, &four, sizeof four);
  }
}

/* Puts the next row of the input into the ring. */
TFEDGE_INLINE void tfedge_columns_take_row(const tfedge_conv_2d_pairs_s8_params *params,
                                           const int8_t *input, tfedge_row_ring *ring) {
  const int32_t row = ring->next_row - params->pad_top;
  if (row >= 0 && row < params->input_height) {
    const int32_t before = params->pad_left * params->input_channels;
    const int32_t bytes = params->input_width * params->input_channels;
    const int32_t room = ring->row_bytes - before;
    tfedge_copy_s8(ring->next + before, input + row * bytes, bytes < room ? bytes : room);
  } else {
    tfedge_columns_fill_row(ring->next, params->input_zero_point, ring->row_bytes);
  }
}

/* Brings the rows first to last into the ring, but for those that it had before. */
TFEDGE_INLINE void tfedge_columns_take_rows(const tfedge_conv_2d_pairs_s8_params *params,
                                            const int8_t *input, tfedge_row_ring *ring,
                                            int32_t first, int32_t last) {
  while (ring->next_row <= last) {
    if (ring->next_row >= first) { /* long strides leave rows out */
      tfedge_columns_take_row(params, input, ring);
    }
    ring->next_row++;
    ring->next += ring->row_bytes;
    if (ring->next == ring->end) {
      ring->next = ring->rows;
    }
  }
}

/* The windows of four neighbouring pixels as columns; ends is memory for 4 * end_bytes. */
TFEDGE_INLINE void tfedge_columns_gather_four(const tfedge_conv_2d_pairs_s8_params *params,
                                              const tfedge_row_ring *ring, int32_t first_pixel,
                                              uint32_t *columns, int8_t *ends) {
  const int32_t values = params->kernel_width * params->input_channels;
  const int32_t rest = values % 4;
  const int8_t *window[4];
  for (int32_t i = 0; i < 4; i++) {
    const int32_t y = (first_pixel + i) / params->output_width;
    const int32_t x = first_pixel + i - y * params->output_width;
    window[i] = ring->rows + y * params->stride_y % params->ring_rows * ring->row_bytes +
                x * params->stride_x * params->input_channels;
  }
  for (int32_t tap = 0; tap < params->kernel_height; tap++) {
    columns =
        tfedge_pairs_s8_widen(columns, window[0], window[1], window[2], window[3], values - rest);
    for (int32_t i = 0; i < 4; i++) {
      int8_t *const end = ends + i * params->end_bytes + tap * rest;
      for (int32_t value = 0; value < rest; value++) {
        end[value] = window[i][values - rest + value];
      }
      window[i] += ring->row_bytes;
      window[i] -= window[i] >= ring->end ? ring->end - ring->rows : 0;
    }
  }
  (void)tfedge_pairs_s8_widen(columns, ends, ends + params->end_bytes, ends + 2 * params->end_bytes,
                              ends + 3 * params->end_bytes, params->end_bytes);
}

TFEDGE_INLINE void tfedge_columns_convolve_image(const tfedge_conv_2d_pairs_s8_params *params,
                                                 const int8_t *input, int8_t *output,
                                                 uint32_t *columns, tfedge_four_pixels multiply,
                                                 const void *weights) {
  const int32_t pixels = params->output_height * params->output_width;
  const int32_t channels = params->product.channels;
  const int32_t ring_bytes = params->ring_rows * params->row_bytes;
  int8_t *const rows = (int8_t *)(columns + 4 * params->product.pairs);
  int8_t *const ends = rows + ring_bytes;
  tfedge_row_ring ring = {rows, ends, rows, 0, params->row_bytes};
  tfedge_columns_fill_row(rows, params->input_zero_point, ring_bytes + 4 * params->end_bytes);
  for (int32_t pixel = 0; pixel < pixels; pixel += 4) {
    /* The last four may be some that are known already. */
    const int32_t first = pixel + 4 <= pixels ? pixel : pixels - 4;
    const int32_t top = first / params->output_width * params->stride_y;
    const int32_t bottom = (first + 3) / params->output_width * params->stride_y;
    tfedge_columns_take_rows(params, input, &ring, top, bottom + params->kernel_height - 1);
    tfedge_columns_gather_four(params, &ring, first, columns, ends);
    multiply(weights, columns, output + first * channels, channels);
  }
}

/* All pixels of all images. */
TFEDGE_INLINE void tfedge_conv_2d_columns(const tfedge_conv_2d_pairs_s8_params *params,
                                          const int8_t *input, int8_t *output, void *scratch,
                                          tfedge_four_pixels multiply, const void *weights) {
  for (int32_t batch = 0; batch < params->batches; batch++) {
    tfedge_columns_convolve_image(params, input, output, (uint32_t *)scratch, multiply, weights);
    input += params->input_height * params->input_width * params->input_channels;
    output += params->output_height * params->output_width * params->product.channels;
  }
}

#endif
