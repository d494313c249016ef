/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_clamp_f32.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_clamp_f32(const tfedge_clamp_f32_params *params, const float *input, float *output) {
  tfedge_clamp_f32_inline(params, input, output);
}
