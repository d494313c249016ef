/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_lstm_f32.h"

/* Instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_lstm_f32(const tfedge_lstm_f32_params *params, const float *input, float *output,
                     void *scratch) {
  tfedge_lstm_f32_inline(params, input, output, scratch);
}

TFEDGE_SHARED
void tfedge_lstm_f32_continued(const tfedge_lstm_f32_params *params, const float *input,
                               float *output, float *cells, float *hidden) {
  tfedge_lstm_f32_continued_inline(params, input, output, cells, hidden);
}

TFEDGE_SHARED
void tfedge_lstm_f16(const tfedge_lstm_f32_params *params, const float *input, float *output,
                     void *scratch) {
  tfedge_lstm_f16_inline(params, input, output, scratch);
}

TFEDGE_SHARED
void tfedge_lstm_f16_continued(const tfedge_lstm_f32_params *params, const float *input,
                               float *output, float *cells, float *hidden) {
  tfedge_lstm_f16_continued_inline(params, input, output, cells, hidden);
}
