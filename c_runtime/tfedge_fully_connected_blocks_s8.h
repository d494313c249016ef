/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FULLY_CONNECTED_BLOCKS_S8_H
#define TFEDGE_FULLY_CONNECTED_BLOCKS_S8_H

#include "tfedge_platform.h"

/* FULLY_CONNECTED on int8 with weights of which whole blocks are 0, for few rows: [rows][depth] ->
 * [rows][channels]. A block is four weights of one channel, for values k to k + 3, k a multiple of
 * 4. The numbers are those of tfedge_fully_connected_pairs_s8.h.
 *
 * words: the four weights of each block, the first in the lowest byte; gaps: of each, as uint8, how
 * many blocks of zeros lie in front of it; counts: blocks of each channel. */
typedef struct tfedge_fully_connected_blocks_s8_params {
  int32_t rows;
  int32_t depth; /* a multiple of 4 */
  int32_t channels;
  int32_t exact;       /* 1: tfedge_requantize_exactly; 0: tfedge_requantize_by_steps */
  int32_t scale_words; /* from one channel's scales to the next one's; 0: one for all */
  const int32_t *words;
  const int8_t *gaps;
  const int16_t *counts; /* [channels] */
  const int32_t *bias;   /* [channels] */
  const int32_t *scales;
} tfedge_fully_connected_blocks_s8_params;

void tfedge_fully_connected_blocks_s8(const tfedge_fully_connected_blocks_s8_params *params,
                                      const int8_t *input, int8_t *output);

#endif
