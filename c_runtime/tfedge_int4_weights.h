/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_INT4_WEIGHTS_H
#define TFEDGE_INT4_WEIGHTS_H

#include "tfedge_weight_stream.h"

/* Weights within -8..7, eight a word.
 *
 * words: of each eight weights, the first four are in the lower halves of the bytes and the other
 * four in the upper ones, each as weight + 8. */
typedef struct tfedge_int4_weights_params {
  int32_t are_words; /* 1: their kernel reads words, 0: bytes */
  const int32_t *words;
} tfedge_int4_weights_params;

typedef struct tfedge_int4_weights_reader {
  const int32_t *next;
} tfedge_int4_weights_reader;

TFEDGE_INLINE tfedge_int4_weights_reader
tfedge_int4_weights_start(const tfedge_int4_weights_params *params) {
  const tfedge_int4_weights_reader reader = {params->words};
  return reader;
}

/* The next `count` weights, a multiple of 8. */
void tfedge_int4_weights_read(const tfedge_int4_weights_params *params,
                              tfedge_int4_weights_reader *reader, uint32_t *to, int32_t count);

#endif
