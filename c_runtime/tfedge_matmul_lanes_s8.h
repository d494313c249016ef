/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_MATMUL_LANES_S8_H
#define TFEDGE_MATMUL_LANES_S8_H

#include "tfedge_requantize_lanes.h"

/* Pixels of int8 activations times int8 weights, the core of convolutions for lanes of vectors.
 *
 *   output[c] = clamp(zero_point + requantize(bias[c] + sum_k input[k] * weights[c][k]))
 *
 * Activations enter raw: input_zero_point * sum_k weights[c][k] is already subtracted from the bias
 * (modulo 2^32, like all of this sum). Three channels of two pixels are summed at a time, with five
 * loads for 96 products.
 *
 * weights, with the depth rounded up to vectors of 16 and filled with zeros:
 *   first the channels in threes: [channels / 3][vectors][3][16],
 *   then each of the one or two that are left: [vectors][16]. */
typedef struct tfedge_matmul_lanes_s8_params {
  int32_t depth; /* values of a pixel */
  int32_t channels;
  int32_t threes;    /* channels that are summed in threes: channels less the remainder */
  int32_t sums_step; /* channels rounded up to fours */
  const int8_t *weights;
  const int32_t *rows; /* [(channels + 3) / 4][3][4], see tfedge_requantize_lanes.h */
  tfedge_lanes_output output;
} tfedge_matmul_lanes_s8_params;

/* `count` pixels, pixel_step values apart, to outputs output_step values apart. All of two pixels
 * is read before their outputs are written, so that these may take their memory. sums: scratch of 2
 * * sums_step. */
void tfedge_matmul_lanes_s8(const tfedge_matmul_lanes_s8_params *params, const int8_t *pixels,
                            int32_t count, int32_t pixel_step, int8_t *output, int32_t output_step,
                            int32_t *sums);

#endif
