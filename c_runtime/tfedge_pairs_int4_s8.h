/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_PAIRS_INT4_S8_H
#define TFEDGE_PAIRS_INT4_S8_H

#include "tfedge_pairs_s8.h"

/* The product of tfedge_pairs_s8.h with weights within -8..7, which are read as they are stored.
 *
 * weights: [channels / 2][pairs / 2], a word for each four values k to k + 3, whose bytes from the
 * lowest are 16 * even channel's weight + odd channel's weight + 8. Everything else is as there.
 * The four words in front of the columns are for eight times each pixel's sum of values. */
#define TFEDGE_PAIRS_INT4_WORDS 4

/* All channels of four pixels, whose outputs lie pixel_step bytes apart, from an even address on.
 */
void tfedge_pairs_int4_s8_four(const tfedge_pairs_s8_params *params, uint32_t *columns,
                               int8_t *output, int32_t pixel_step);

/* The same as a tfedge_four_pixels, of a tfedge_pairs_s8_params. */
TFEDGE_INLINE void tfedge_pairs_int4_s8_multiply(const void *params, uint32_t *columns,
                                                 int8_t *output, int32_t pixel_step) {
  tfedge_pairs_int4_s8_four((const tfedge_pairs_s8_params *)params, columns, output, pixel_step);
}

#endif
