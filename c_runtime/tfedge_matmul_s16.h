/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_MATMUL_S16_H
#define TFEDGE_MATMUL_S16_H

#include "tfedge_requantize.h"

/* Rows of int16 activations times int8 weights, the core of convolution and fully-connected.
 *
 *   output[c] = clamp(requantize(bias[c] + sum_k input[k] * weights[c][k]))
 *
 * All zero points are 0. Sums have 64 bits and wrap, like the reference's, and are requantised by a
 * multiplier of 15 bits. */
typedef struct tfedge_matmul_s16_params {
  int32_t depth;             /* values in a row */
  int32_t channels;          /* outputs of a row */
  const int8_t *weights;     /* [channels][depth] */
  const int64_t *bias;       /* [channels] */
  const int16_t *multiplier; /* [channels], or [1] if channel_step is 0; 0..32767 */
  const int8_t *shift;       /* like multiplier; -31..7, positive to the left */
  int32_t channel_step;      /* 1: multipliers per channel; 0: one for all */
  int32_t output_min;        /* the fused activation, within int16 */
  int32_t output_max;
} tfedge_matmul_s16_params;

/* One row, [depth] to [channels]: each activation is loaded once for four products. */
void tfedge_matmul_s16_row(const tfedge_matmul_s16_params *params, const int16_t *row,
                           int16_t *output);

#endif
