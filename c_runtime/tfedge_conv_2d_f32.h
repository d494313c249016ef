/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_F32_H
#define TFEDGE_CONV_2D_F32_H

#include "tfedge_matmul_f32.h"

/* CONV_2D on real numbers, and one phase of TRANSPOSE_CONV:
 * [batches][input_height][input_width][input_channels] -> pixels of groups * matmul.channels values
 * that lie pixel_step and row_step apart. Each run of output channels sees a run of input channels
 * of its own, a group; matmul describes the first one, and its weights and biases go on for the
 * others. conv_2d_f16 has weights of half precision.
 *
 * The taps of an output pixel are gathered into a column; those outside the input are left out of
 * its sums, which are in the order of rows, columns and channels.
 * scratch: 4 * matmul.depth bytes.
 * Source: TFLite Micro's reference CONV_2D and TRANSPOSE_CONV on float. */
typedef struct tfedge_conv_2d_f32_params {
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
  tfedge_matmul_f32_params matmul;
} tfedge_conv_2d_f32_params;

/* Copies the taps of one pixel's window that starts at (top, left); input is at the first channel
 * of the group. A tap outside is 0, whose products change no sum of finite weights: a sum that
 * starts with 0 is never -0. */
TFEDGE_INLINE void tfedge_conv_2d_f32_gather(const tfedge_conv_2d_f32_params *params,
                                             const float *input, int32_t top, int32_t left,
                                             float *column) {
  const int32_t channels = params->input_channels / params->groups;
  for (int32_t tap_y = 0; tap_y < params->kernel_height; tap_y++) {
    const int32_t y = top + tap_y * params->dilation_y;
    for (int32_t tap_x = 0; tap_x < params->kernel_width; tap_x++) {
      const int32_t x = left + tap_x * params->dilation_x;
      const int inside = y >= 0 && y < params->input_height && x >= 0 && x < params->input_width;
      const float *const pixel = input + (y * params->input_width + x) * params->input_channels;
      for (int32_t channel = 0; channel < channels; channel++) {
        *column++ = inside ? pixel[channel] : 0.0f;
      }
    }
  }
}

/* One group of one batch. */
TFEDGE_INLINE void tfedge_conv_2d_f32_group(const tfedge_conv_2d_f32_params *params,
                                            const tfedge_matmul_f32_params *matmul,
                                            tfedge_stored_f32 weight, const float *input,
                                            float *output, float *column) {
  for (int32_t y = 0; y < params->output_height; y++) {
    for (int32_t x = 0; x < params->output_width; x++) {
      tfedge_conv_2d_f32_gather(params, input, y * params->stride_y - params->pad_top,
                                x * params->stride_x - params->pad_left, column);
      tfedge_matmul_f32_row(matmul, weight, column,
                            output + y * params->row_step + x * params->pixel_step);
    }
  }
}

/* weight is a literal; weight_bytes is the size of what it reads. */
TFEDGE_INLINE void tfedge_conv_2d_f32_run(const tfedge_conv_2d_f32_params *params,
                                          tfedge_stored_f32 weight, size_t weight_bytes,
                                          const float *input, float *output, void *scratch) {
  const int32_t channels = params->input_channels / params->groups;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    tfedge_matmul_f32_params matmul = params->matmul;
    for (int32_t group = 0; group < params->groups; group++) {
      tfedge_conv_2d_f32_group(params, &matmul, weight, input + group * channels,
                               output + params->first_pixel + group * matmul.channels,
                               (float *)scratch);
      matmul.weights =
          (const uint8_t *)matmul.weights + weight_bytes * (size_t)(matmul.channels * matmul.depth);
      matmul.bias += matmul.channels;
    }
    input += params->input_height * params->input_width * params->input_channels;
    output += params->batch_step;
  }
}

TFEDGE_INLINE void tfedge_conv_2d_f32_inline(const tfedge_conv_2d_f32_params *params,
                                             const float *input, float *output, void *scratch) {
  tfedge_conv_2d_f32_run(params, tfedge_stored_f32_single, sizeof(float), input, output, scratch);
}

TFEDGE_INLINE void tfedge_conv_2d_f16_inline(const tfedge_conv_2d_f32_params *params,
                                             const float *input, float *output, void *scratch) {
  tfedge_conv_2d_f32_run(params, tfedge_stored_f32_half, sizeof(uint16_t), input, output, scratch);
}

void tfedge_conv_2d_f32(const tfedge_conv_2d_f32_params *params, const float *input, float *output,
                        void *scratch);
void tfedge_conv_2d_f16(const tfedge_conv_2d_f32_params *params, const float *input, float *output,
                        void *scratch);

#endif
