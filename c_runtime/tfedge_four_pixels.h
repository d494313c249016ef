/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FOUR_PIXELS_H
#define TFEDGE_FOUR_PIXELS_H

#include "tfedge_platform.h"

/* Multiplies the columns of four pixels with all channels' weights, of whichever kind they are;
 * outputs lie pixel_step bytes apart. Where it is inlined with a function that is known, there is
 * no call by a pointer. */
typedef void (*tfedge_four_pixels)(const void *weights, uint32_t *columns, int8_t *output,
                                   int32_t pixel_step);

#endif
