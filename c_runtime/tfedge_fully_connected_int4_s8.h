/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FULLY_CONNECTED_INT4_S8_H
#define TFEDGE_FULLY_CONNECTED_INT4_S8_H

#include "tfedge_platform.h"

/* FULLY_CONNECTED on int8 with weights within -8..7, for few rows: [rows][depth] ->
 * [rows][channels]. The numbers are those of tfedge_fully_connected_pairs_s8.h.
 *
 * weights: [channels / 4][depth / 4][2]: of four channels and four values k, two words, whose lower
 * and upper halves are of values k and k + 2, and k + 1 and k + 3. A half is 4096 * first channel's
 * weight + 256 * (second + 8) + 16 * (third + 8) + fourth + 8. Channels are filled up to fours,
 * bias and scales too. */
typedef struct tfedge_fully_connected_int4_s8_params {
  int32_t rows;
  int32_t depth; /* a multiple of 4 */
  int32_t channels;
  int32_t exact;       /* 1: tfedge_requantize_exactly; 0: tfedge_requantize_by_steps */
  int32_t scale_words; /* from one channel's scales to the next one's; 0: one for all */
  const int32_t *weights;
  const int32_t *bias;
  const int32_t *scales;
} tfedge_fully_connected_int4_s8_params;

void tfedge_fully_connected_int4_s8(const tfedge_fully_connected_int4_s8_params *params,
                                    const int8_t *input, int8_t *output);

#endif
