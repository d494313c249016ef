/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_CONV_2D_1X1_CHANNELS_S8_H
#define TFEDGE_CONV_2D_1X1_CHANNELS_S8_H

#include "tfedge_matmul_channels_s8.h"

/* CONV_2D with 1x1 kernels, and FULLY_CONNECTED of several rows, on int8 for vectors of channels:
 * pixels are read where they lie. The output may take the input's memory where all pixels are read
 * and do not grow, or are read backwards and do not shrink.
 * scratch: `sums` of tfedge_matmul_channels_s8.
 * Source: TFLite 8-bit quantisation specification, CONV_2D; rounds twice. */
typedef struct tfedge_conv_2d_1x1_channels_s8_params {
  int32_t rows;       /* of output pixels */
  int32_t pixels;     /* in a row of the output */
  int32_t row_step;   /* values from one row of input pixels to the next that counts */
  int32_t pixel_step; /* values from one input pixel to the next that counts */
  int32_t backwards;  /* 1: from the last pixel on, of a single row */
  tfedge_matmul_channels_s8_params matmul;
} tfedge_conv_2d_1x1_channels_s8_params;

void tfedge_conv_2d_1x1_channels_s8(const tfedge_conv_2d_1x1_channels_s8_params *params,
                                    const int8_t *input, int8_t *output, void *scratch);

#endif
