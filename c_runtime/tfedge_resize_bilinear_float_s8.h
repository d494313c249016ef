/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_RESIZE_BILINEAR_FLOAT_S8_H
#define TFEDGE_RESIZE_BILINEAR_FLOAT_S8_H

#include "tfedge_no_contraction.h"
#include "tfedge_platform.h"

/* RESIZE_BILINEAR of uint8 values less 128: [batches][input_height][input_width][channels] ->
 * [batches][output_height][output_width][channels], input and output of one scale and zero point.
 *
 * Interpolates in float32, in this order and without contraction into fused multiply-adds (each
 * product is a statement of its own), and rounds half up.
 * Source: LiteRT's reference RESIZE_BILINEAR on uint8. */
typedef struct tfedge_resize_bilinear_float_s8_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t channels;
  int32_t output_height;
  int32_t output_width;
  const int16_t *rows;           /* [output_height][2]: lower and upper input row */
  const int16_t *columns;        /* [output_width][2] */
  const float *row_fractions;    /* [output_height]: distance from the lower row */
  const float *column_fractions; /* [output_width] */
} tfedge_resize_bilinear_float_s8_params;

/* The value of a pixel, as uint8 had it, by its weights along the two axes. */
TFEDGE_INLINE float tfedge_resize_bilinear_float_s8_share(int8_t value, float row, float column) {
  const float partly = (float)(value + 128) * row;
  const float share = partly * column;
  return share;
}

/* One output pixel; above and below are input rows, y and x the distances from above and left. */
TFEDGE_INLINE void tfedge_resize_bilinear_float_s8_pixel(
    const tfedge_resize_bilinear_float_s8_params *params, const int8_t *above, const int8_t *below,
    float y, const int16_t *column, float x, int8_t *output) {
  const int32_t left = column[0] * params->channels;
  const int32_t right = column[1] * params->channels;
  for (int32_t channel = 0; channel < params->channels; channel++) {
    const float above_left =
        tfedge_resize_bilinear_float_s8_share(above[left + channel], 1.0f - y, 1.0f - x);
    const float below_left =
        tfedge_resize_bilinear_float_s8_share(below[left + channel], y, 1.0f - x);
    const float above_right =
        tfedge_resize_bilinear_float_s8_share(above[right + channel], 1.0f - y, x);
    const float below_right = tfedge_resize_bilinear_float_s8_share(below[right + channel], y, x);
    const float sum = above_left + below_left + above_right + below_right;
    output[channel] = (int8_t)((int32_t)(sum + 0.5f) - 128);
  }
}

TFEDGE_INLINE void tfedge_resize_bilinear_float_s8_inline(
    const tfedge_resize_bilinear_float_s8_params *params, const int8_t *input, int8_t *output) {
  const int32_t row_elements = params->input_width * params->channels;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t y = 0; y < params->output_height; y++) {
      const int8_t *const above = input + params->rows[2 * y] * row_elements;
      const int8_t *const below = input + params->rows[2 * y + 1] * row_elements;
      for (int32_t x = 0; x < params->output_width; x++) {
        tfedge_resize_bilinear_float_s8_pixel(params, above, below, params->row_fractions[y],
                                              params->columns + 2 * x, params->column_fractions[x],
                                              output);
        output += params->channels;
      }
    }
    input += params->input_height * row_elements;
  }
}

void tfedge_resize_bilinear_float_s8(const tfedge_resize_bilinear_float_s8_params *params,
                                     const int8_t *input, int8_t *output);

#endif
