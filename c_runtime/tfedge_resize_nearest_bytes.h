/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_RESIZE_NEAREST_BYTES_H
#define TFEDGE_RESIZE_NEAREST_BYTES_H

#include <string.h>

#include "tfedge_platform.h"

/* RESIZE_NEAREST_NEIGHBOR on elements of any type: [batches][input_height][input_width] pixels ->
 * [batches][output_height][output_width] pixels. Each output pixel copies the input pixel at
 * (rows[y], columns[x]); the tables hold the reference's choice, which it computes in float32.
 * Source: TFLite Micro's reference RESIZE_NEAREST_NEIGHBOR. */
typedef struct tfedge_resize_nearest_bytes_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t output_height;
  int32_t output_width;
  int32_t pixel_bytes;
  const int16_t *rows;    /* [output_height], each in 0..input_height - 1 */
  const int16_t *columns; /* [output_width], each in 0..input_width - 1 */
} tfedge_resize_nearest_bytes_params;

TFEDGE_INLINE void tfedge_resize_nearest_bytes_inline(
    const tfedge_resize_nearest_bytes_params *params, const void *input, void *output) {
  const int32_t row_bytes = params->input_width * params->pixel_bytes;
  const int8_t *from = (const int8_t *)input;
  int8_t *to = (int8_t *)output;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t y = 0; y < params->output_height; y++) {
      const int8_t *const row = from + params->rows[y] * row_bytes;
      for (int32_t x = 0; x < params->output_width; x++) {
        memcpy(to, row + params->columns[x] * params->pixel_bytes, (size_t)params->pixel_bytes);
        to += params->pixel_bytes;
      }
    }
    from += params->input_height * row_bytes;
  }
}

void tfedge_resize_nearest_bytes(const tfedge_resize_nearest_bytes_params *params,
                                 const void *input, void *output);

#endif
