/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_lstm_dynamic.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_lstm_dynamic(const tfedge_lstm_dynamic_params *params, const float *input,
                         float *output, void *scratch) {
  tfedge_lstm_dynamic_inline(params, input, output, scratch);
}

TFEDGE_SHARED
void tfedge_lstm_dynamic_continued(const tfedge_lstm_dynamic_params *params, const float *input,
                                   float *output, void *scratch, float *cells, float *hidden) {
  tfedge_lstm_dynamic_continued_inline(params, input, output, scratch, cells, hidden);
}
