/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_RESIZE_BILINEAR_S16_H
#define TFEDGE_RESIZE_BILINEAR_S16_H

#include "tfedge_platform.h"

/* RESIZE_BILINEAR on int16: [batches][input_height][input_width][channels] ->
 * [batches][output_height][output_width][channels], input and output of one scale and zero point.
 *
 * Each output position along an axis lies between two input positions, `lower` and `upper`, at
 * `fraction` / 1024 from the first; before the first pixel, where both are one, the fraction is
 * negative. The four products have 20 fraction bits, and the sum, of 64 bits, rounds half
 * away from zero. Source: LiteRT's reference RESIZE_BILINEAR on integers. */
typedef struct tfedge_resize_bilinear_s16_params {
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t channels;
  int32_t output_height;
  int32_t output_width;
  const int16_t *rows;    /* [output_height][3]: lower, upper, fraction */
  const int16_t *columns; /* [output_width][3] */
} tfedge_resize_bilinear_s16_params;

/* One output pixel; above and below are input rows. */
TFEDGE_INLINE void tfedge_resize_bilinear_s16_pixel(const tfedge_resize_bilinear_s16_params *params,
                                                    const int16_t *above, const int16_t *below,
                                                    int32_t fraction_y, const int16_t *column,
                                                    int16_t *output) {
  const int32_t left = column[0] * params->channels;
  const int32_t right = column[1] * params->channels;
  const int32_t fraction_x = column[2];
  const int32_t above_left = (1024 - fraction_y) * (1024 - fraction_x);
  const int32_t above_right = (1024 - fraction_y) * fraction_x;
  const int32_t below_left = fraction_y * (1024 - fraction_x);
  const int32_t below_right = fraction_y * fraction_x;
  for (int32_t channel = 0; channel < params->channels; channel++) {
    const int64_t sum = (int64_t)above[left + channel] * above_left +
                        (int64_t)above[right + channel] * above_right +
                        (int64_t)below[left + channel] * below_left +
                        (int64_t)below[right + channel] * below_right;
    const int32_t half = (int32_t)1 << 19;
    output[channel] = (int16_t)((sum + (sum > 0 ? half : -half)) / ((int32_t)1 << 20));
  }
}

TFEDGE_INLINE void tfedge_resize_bilinear_s16_inline(
    const tfedge_resize_bilinear_s16_params *params, const int16_t *input, int16_t *output) {
  const int32_t row_elements = params->input_width * params->channels;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t y = 0; y < params->output_height; y++) {
      const int16_t *const row = params->rows + 3 * y;
      const int16_t *const above = input + row[0] * row_elements;
      const int16_t *const below = input + row[1] * row_elements;
      for (int32_t x = 0; x < params->output_width; x++) {
        tfedge_resize_bilinear_s16_pixel(params, above, below, row[2], params->columns + 3 * x,
                                         output);
        output += params->channels;
      }
    }
    input += params->input_height * row_elements;
  }
}

void tfedge_resize_bilinear_s16(const tfedge_resize_bilinear_s16_params *params,
                                const int16_t *input, int16_t *output);

#endif
