/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_lstm_s8.h"

/* The instances that layers share when size matters more than speed. */

TFEDGE_SHARED
void tfedge_lstm_s8(const tfedge_lstm_s8_params *params, const int8_t *input, int8_t *output,
                    void *scratch) {
  tfedge_lstm_s8_inline(params, input, output, scratch);
}

TFEDGE_SHARED
void tfedge_lstm_s8_continued(const tfedge_lstm_s8_params *params, const int8_t *input,
                              int8_t *output, int16_t *cells, int8_t *hidden) {
  tfedge_lstm_s8_continued_inline(params, input, output, cells, hidden);
}
