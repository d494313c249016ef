/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_svdf_s8.h"

/* The instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_svdf_s8_s16(const tfedge_svdf_s8_params *params, const int8_t *input, int8_t *output,
                        int16_t *state) {
  tfedge_svdf_s8_s16_inline(params, input, output, state);
}

TFEDGE_SHARED
void tfedge_svdf_s8_s8(const tfedge_svdf_s8_params *params, const int8_t *input, int8_t *output,
                       int8_t *state) {
  tfedge_svdf_s8_s8_inline(params, input, output, state);
}
