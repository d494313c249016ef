/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_BLOCKS_S8_H
#define TFEDGE_BLOCKS_S8_H

#include "tfedge_pairs_s8.h"

/* Four columns of int8 activations times int8 weights of which whole blocks are 0: the product of
 * tfedge_pairs_s8.h, without those blocks. A block is four weights of one channel, for values k to
 * k + 3 of a column, k a multiple of 4.
 *
 * words: the four weights of each block, the first in the lowest byte; gaps: of each, as uint8, how
 * many blocks of zeros lie in front of it; counts: blocks of each channel. */
typedef struct tfedge_blocks_s8_params {
  const int32_t *words;
  const int8_t *gaps;
  const int16_t *counts; /* [channels] */
} tfedge_blocks_s8_params;

/* All channels of four pixels, whose outputs lie pixel_step bytes apart. product: as for
 * tfedge_pairs_s8_four, without its weights. */
void tfedge_blocks_s8_four(const tfedge_pairs_s8_params *product,
                           const tfedge_blocks_s8_params *blocks, const uint32_t *columns,
                           int8_t *output, int32_t pixel_step);

#endif
