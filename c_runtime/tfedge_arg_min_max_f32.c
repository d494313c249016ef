/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_arg_min_max_f32.h"

/* The instance that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_arg_min_max_f32(const tfedge_arg_min_max_f32_params *params, const float *input,
                            void *output) {
  tfedge_arg_min_max_f32_inline(params, input, output);
}
