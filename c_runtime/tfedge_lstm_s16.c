/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_lstm_s16.h"

/* The instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_lstm_s16(const tfedge_lstm_s16_params *params, const int16_t *input, int16_t *output,
                     void *scratch) {
  tfedge_lstm_s16_inline(params, input, output, scratch);
}

TFEDGE_SHARED
void tfedge_lstm_s16_continued(const tfedge_lstm_s16_params *params, const int16_t *input,
                               int16_t *output, int16_t *cells, int16_t *hidden) {
  tfedge_lstm_s16_continued_inline(params, input, output, cells, hidden);
}
