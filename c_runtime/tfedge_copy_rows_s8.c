/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_copy_rows_s8.h"

#include "tfedge_copy_s8.h"

TFEDGE_SHARED
void tfedge_copy_rows_s8(int8_t *to, int32_t to_step, const int8_t *from, int32_t from_step,
                         int32_t rows, int32_t count) {
  for (int32_t row = 0; row < rows; row++) {
    tfedge_copy_s8(to, from, count);
    to += to_step;
    from += from_step;
  }
}
