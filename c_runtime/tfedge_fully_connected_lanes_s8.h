/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FULLY_CONNECTED_LANES_S8_H
#define TFEDGE_FULLY_CONNECTED_LANES_S8_H

#include "tfedge_requantize_lanes.h"

/* FULLY_CONNECTED on int8 for lanes of vectors, of one row: [depth] -> [channels]. Four channels
 * are summed at a time. Scales may be one for all channels, as those of weights often are.
 *
 * Activations enter raw: input_zero_point * sum_k weights[c][k] is already subtracted from the bias
 * (modulo 2^32, like all sums).
 * weights: [(channels + 3) / 4][(depth + 15) / 16][4][16], zeros where there is nothing.
 * Source: TFLite 8-bit quantisation specification, FULLY_CONNECTED; rounds twice. */
typedef struct tfedge_fully_connected_lanes_s8_params {
  int32_t depth;
  int32_t channels;
  const int8_t *weights;
  const int32_t *bias;   /* [channels rounded up to fours] */
  const int32_t *scales; /* [(channels + 3) / 4][2][4]: multipliers in Q0.31, shifts as negative
                            numbers; or [2][4] for all channels */
  int32_t scales_step;   /* from four channels' scales to the next: 8, or 0 if there is one row */
  tfedge_lanes_output output;
} tfedge_fully_connected_lanes_s8_params;

void tfedge_fully_connected_lanes_s8(const tfedge_fully_connected_lanes_s8_params *params,
                                     const int8_t *input, int8_t *output);

/* Literal shapes would gain nothing: the inner loop is a loop in any case. */
TFEDGE_INLINE void tfedge_fully_connected_lanes_s8_inline(
    const tfedge_fully_connected_lanes_s8_params *params, const int8_t *input, int8_t *output) {
  tfedge_fully_connected_lanes_s8(params, input, output);
}

#endif
