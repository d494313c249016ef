/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_COPY_ROWS_S8_H
#define TFEDGE_COPY_ROWS_S8_H

#include "tfedge_platform.h"

/* `rows` runs of `count` values that lie from_step apart, to places that lie to_step apart: what a
 * layer that is computed by tiles of channels has of one tile, among all channels. */
void tfedge_copy_rows_s8(int8_t *to, int32_t to_step, const int8_t *from, int32_t from_step,
                         int32_t rows, int32_t count);

#endif
