/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FULLY_CONNECTED_CHANNELS_S8_H
#define TFEDGE_FULLY_CONNECTED_CHANNELS_S8_H

#include "tfedge_matmul_channels_s8.h"

/* FULLY_CONNECTED on int8 for vectors of channels, of one row: [depth] -> [channels].
 * Source: TFLite 8-bit quantisation specification, FULLY_CONNECTED; rounds twice. */
void tfedge_fully_connected_channels_s8(const tfedge_matmul_channels_s8_params *params,
                                        const int8_t *input, int8_t *output);

#endif
