/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_GROUPED_S8_H
#define TFEDGE_CONV_2D_GROUPED_S8_H

#include "tfedge_conv_2d_s8.h"

/* Convolutions whose results lie apart in the output:
 * grouped CONV_2D, where each run of output channels sees a run of input channels of its own, and
 * one phase of TRANSPOSE_CONV. There, output pixels that agree modulo the stride see the same taps,
 * so that each such phase is a convolution of stride 1 with those taps in reverse.
 *
 * conv.matmul describes one group; its weights, bias, multipliers and shifts go on for the others.
 * scratch: 2 * (conv.matmul.depth + conv.matmul.channels) bytes.
 * Source: TFLite 8-bit quantisation specification, CONV_2D and TRANSPOSE_CONV; rounds twice. */
typedef struct tfedge_conv_2d_grouped_s8_params {
  int32_t groups;
  int32_t pixel_step;  /* output bytes from a pixel to the next one of its row */
  int32_t row_step;    /* from a row to the next */
  int32_t batch_step;  /* from a batch to the next */
  int32_t first_pixel; /* from the output's start to the first pixel */
  tfedge_conv_2d_s8_params conv;
} tfedge_conv_2d_grouped_s8_params;

/* Puts the results of one pixel where they belong. */
TFEDGE_INLINE void tfedge_conv_2d_grouped_s8_store(const tfedge_conv_2d_grouped_s8_params *params,
                                                   const int8_t *results, int32_t pixel,
                                                   int8_t *output) {
  const int32_t width = params->conv.output_width;
  output += pixel / width * params->row_step + pixel % width * params->pixel_step;
  memcpy(output, results, (size_t)params->conv.matmul.channels);
}

/* One group of one batch. */
TFEDGE_INLINE void tfedge_conv_2d_grouped_s8_group(const tfedge_conv_2d_grouped_s8_params *params,
                                                   const tfedge_matmul_s8_params *matmul,
                                                   const int8_t *input, int8_t *output,
                                                   int8_t *columns) {
  const tfedge_conv_2d_s8_params *const conv = &params->conv;
  const int32_t channels = conv->input_channels / params->groups;
  const int32_t pixels = conv->output_height * conv->output_width;
  int8_t *const results = columns + 2 * conv->matmul.depth;
  int32_t pixel = 0;
  for (int32_t pair = 0; pair < pixels / 2; pair++) {
    tfedge_conv_2d_s8_gather(conv, channels, input, pixel, columns);
    tfedge_conv_2d_s8_gather(conv, channels, input, pixel + 1, columns + conv->matmul.depth);
    tfedge_matmul_s8_two_rows(matmul, columns, results);
    tfedge_conv_2d_grouped_s8_store(params, results, pixel, output);
    tfedge_conv_2d_grouped_s8_store(params, results + conv->matmul.channels, pixel + 1, output);
    pixel += 2;
  }
  if (pixels % 2 != 0) {
    tfedge_conv_2d_s8_gather(conv, channels, input, pixel, columns);
    tfedge_matmul_s8_one_row(matmul, columns, results);
    tfedge_conv_2d_grouped_s8_store(params, results, pixel, output);
  }
}

TFEDGE_INLINE void tfedge_conv_2d_grouped_s8_inline(const tfedge_conv_2d_grouped_s8_params *params,
                                                    const int8_t *input, int8_t *output,
                                                    void *scratch) {
  const tfedge_conv_2d_s8_params *const conv = &params->conv;
  const int32_t batch_bytes = conv->input_height * conv->input_width * conv->input_channels;
  for (int32_t batch = 0; batch < conv->batches; batch++) {
    tfedge_matmul_s8_params matmul = conv->matmul;
    for (int32_t group = 0; group < params->groups; group++) {
      tfedge_conv_2d_grouped_s8_group(
          params, &matmul, input + group * (conv->input_channels / params->groups),
          output + params->first_pixel + group * matmul.channels, (int8_t *)scratch);
      matmul.weights += matmul.channels * matmul.depth;
      matmul.bias += matmul.channels;
      matmul.multiplier += matmul.channels;
      matmul.shift += matmul.channels;
    }
    input += batch_bytes;
    output += params->batch_step;
  }
}

void tfedge_conv_2d_grouped_s8(const tfedge_conv_2d_grouped_s8_params *params, const int8_t *input,
                               int8_t *output, void *scratch);

#endif
