/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_S16_H
#define TFEDGE_CONV_2D_S16_H

#include <string.h>

#include "tfedge_matmul_s16.h"

/* CONV_2D and one phase of TRANSPOSE_CONV on int16 with int8 weights:
 * [batches][input_height][input_width][input_channels] -> pixels of groups * matmul.channels values
 * that lie pixel_step and row_step apart. Each run of output channels sees a run of input channels
 * of its own, a group; matmul describes the first one, and its weights, biases, multipliers and
 * shifts go on for the others.
 *
 * The taps of an output pixel are gathered into a column, padding as 0, which all zero points are.
 * scratch: 2 * matmul.depth bytes.
 * Source: TFLite Micro's reference CONV_2D and TRANSPOSE_CONV on int16; rounds once. */
typedef struct tfedge_conv_2d_s16_params {
  int32_t groups;
  int32_t batches;
  int32_t input_height;
  int32_t input_width;
  int32_t input_channels;
  int32_t output_height;
  int32_t output_width;
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_y;
  int32_t stride_x;
  int32_t dilation_y;
  int32_t dilation_x;
  int32_t pad_top;
  int32_t pad_left;
  int32_t pixel_step;  /* output elements from a pixel to the next one of its row */
  int32_t row_step;    /* from a row to the next */
  int32_t batch_step;  /* from a batch to the next */
  int32_t first_pixel; /* from the output's start to the first pixel */
  tfedge_matmul_s16_params matmul;
} tfedge_conv_2d_s16_params;

/* Copies the taps of one pixel's window that starts at (top, left); input is at the first channel
 * of the group. */
TFEDGE_INLINE void tfedge_conv_2d_s16_gather(const tfedge_conv_2d_s16_params *params,
                                             const int16_t *input, int32_t top, int32_t left,
                                             int16_t *column) {
  const int32_t channels = params->input_channels / params->groups;
  const size_t bytes = (size_t)channels * sizeof *column;
  for (int32_t tap_y = 0; tap_y < params->kernel_height; tap_y++) {
    const int32_t y = top + tap_y * params->dilation_y;
    for (int32_t tap_x = 0; tap_x < params->kernel_width; tap_x++) {
      const int32_t x = left + tap_x * params->dilation_x;
      if (y >= 0 && y < params->input_height && x >= 0 && x < params->input_width) {
        memcpy(column, input + (y * params->input_width + x) * params->input_channels, bytes);
      } else {
        memset(column, 0, bytes);
      }
      column += channels;
    }
  }
}

/* One group of one batch. */
TFEDGE_INLINE void tfedge_conv_2d_s16_group(const tfedge_conv_2d_s16_params *params,
                                            const tfedge_matmul_s16_params *matmul,
                                            const int16_t *input, int16_t *output,
                                            int16_t *column) {
  for (int32_t y = 0; y < params->output_height; y++) {
    for (int32_t x = 0; x < params->output_width; x++) {
      tfedge_conv_2d_s16_gather(params, input, y * params->stride_y - params->pad_top,
                                x * params->stride_x - params->pad_left, column);
      tfedge_matmul_s16_row(matmul, column, output + y * params->row_step + x * params->pixel_step);
    }
  }
}

TFEDGE_INLINE void tfedge_conv_2d_s16_inline(const tfedge_conv_2d_s16_params *params,
                                             const int16_t *input, int16_t *output, void *scratch) {
  const int32_t channels = params->input_channels / params->groups;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    tfedge_matmul_s16_params matmul = params->matmul;
    for (int32_t group = 0; group < params->groups; group++) {
      tfedge_conv_2d_s16_group(params, &matmul, input + group * channels,
                               output + params->first_pixel + group * matmul.channels,
                               (int16_t *)scratch);
      matmul.weights += matmul.channels * matmul.depth;
      matmul.bias += matmul.channels;
      matmul.multiplier += matmul.channels * matmul.channel_step;
      matmul.shift += matmul.channels * matmul.channel_step;
    }
    input += params->input_height * params->input_width * params->input_channels;
    output += params->batch_step;
  }
}

void tfedge_conv_2d_s16(const tfedge_conv_2d_s16_params *params, const int16_t *input,
                        int16_t *output, void *scratch);

#endif
