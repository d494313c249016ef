/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_RESIZE_BILINEAR_F32_H
#define TFEDGE_RESIZE_BILINEAR_F32_H

#include "tfedge_real_f32.h"

/* RESIZE_BILINEAR on real numbers: [batches][input_height][input_width][channels] ->
 * [batches][output_height][output_width][channels]. Each of the four pixels is multiplied by its
 * share of the height, then of the width; then they are added: above left, below left, above right,
 * below right. Source: TFLite Micro's reference RESIZE_BILINEAR on float. */
typedef struct tfedge_resize_bilinear_f32_params {
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
} tfedge_resize_bilinear_f32_params;

/* One output pixel; above and below are input rows, y and x the distances from above and left. */
TFEDGE_INLINE void tfedge_resize_bilinear_f32_pixel(const tfedge_resize_bilinear_f32_params *params,
                                                    const float *above, const float *below, float y,
                                                    const int16_t *column, float x, float *output) {
  const int32_t left = column[0] * params->channels;
  const int32_t right = column[1] * params->channels;
  for (int32_t channel = 0; channel < params->channels; channel++) {
    const float above_left = above[left + channel] * (1.0f - y) * (1.0f - x);
    const float below_left = below[left + channel] * y * (1.0f - x);
    const float above_right = above[right + channel] * (1.0f - y) * x;
    const float below_right = below[right + channel] * y * x;
    output[channel] = above_left + below_left + above_right + below_right;
  }
}

TFEDGE_INLINE void tfedge_resize_bilinear_f32_inline(
    const tfedge_resize_bilinear_f32_params *params, const float *input, float *output) {
  const int32_t row_elements = params->input_width * params->channels;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t y = 0; y < params->output_height; y++) {
      const float *const above = input + params->rows[2 * y] * row_elements;
      const float *const below = input + params->rows[2 * y + 1] * row_elements;
      for (int32_t x = 0; x < params->output_width; x++) {
        tfedge_resize_bilinear_f32_pixel(params, above, below, params->row_fractions[y],
                                         params->columns + 2 * x, params->column_fractions[x],
                                         output);
        output += params->channels;
      }
    }
    input += params->input_height * row_elements;
  }
}

void tfedge_resize_bilinear_f32(const tfedge_resize_bilinear_f32_params *params, const float *input,
                                float *output);

#endif
