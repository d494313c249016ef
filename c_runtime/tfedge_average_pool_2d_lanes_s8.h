/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_AVERAGE_POOL_2D_LANES_S8_H
#define TFEDGE_AVERAGE_POOL_2D_LANES_S8_H

#include "tfedge_pool_2d_s8.h"
#include "tfedge_vectors.h"

/* AVERAGE_POOL_2D on int8 for lanes of vectors: tfedge_average_pool_2d_s8 with the sums of a
 * vector of channels at a time. */
void tfedge_average_pool_2d_lanes_s8(const tfedge_pool_2d_s8_params *params, const int8_t *input,
                                     int8_t *output);

#endif
