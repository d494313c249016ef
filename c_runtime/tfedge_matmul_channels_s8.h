/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_MATMUL_CHANNELS_S8_H
#define TFEDGE_MATMUL_CHANNELS_S8_H

#include "tfedge_requantize_channels.h"

/* Pixels of int8 activations times int8 weights, the core of convolutions whose vectors are groups
 * of channels.
 *
 *   output[c] = clamp(zero_point + requantize(bias[c] + sum_k input[k] * weights[c][k]))
 *
 * Activations enter raw: input_zero_point * sum_k weights[c][k] is already subtracted from the bias
 * (modulo 2^32, like all of this sum). A group's weights of one depth are loaded once for three
 * pixels, or for six where there are at most half a group of channels.
 *
 * bias: of each channel. weights: of each group of TFEDGE_GROUP channels, the last one having what
 * is left of them, [depth][channels of the group]. */
typedef struct tfedge_matmul_channels_s8_params {
  int32_t depth; /* values of a pixel */
  int32_t channels;
  const int8_t *weights;
  const int32_t *bias;
  tfedge_channels_scales scales;
  tfedge_lanes_output output;
} tfedge_matmul_channels_s8_params;

/* Pixels that are computed at a time, as many as registers have sums of. */
#define TFEDGE_FEW_PIXELS 3
#define TFEDGE_MANY_PIXELS 6

TFEDGE_INLINE int32_t tfedge_matmul_channels_s8_together(int32_t channels) {
  return channels <= TFEDGE_GROUP / 2 ? TFEDGE_MANY_PIXELS : TFEDGE_FEW_PIXELS;
}

/* `count` pixels, pixel_step values apart, to outputs output_step values apart. All pixels that are
 * computed at a time are read before their outputs are written, so that these may take their
 * memory. sums: scratch of channels times the pixels that are computed at a time. */
void tfedge_matmul_channels_s8(const tfedge_matmul_channels_s8_params *params, const int8_t *pixels,
                               int32_t count, int32_t pixel_step, int8_t *output,
                               int32_t output_step, int32_t *sums);

#endif
