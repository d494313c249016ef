/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SHARED_WEIGHTS_H
#define TFEDGE_SHARED_WEIGHTS_H

#include "tfedge_weight_stream.h"

/* Weights that share few values: indices into a table of them.
 *
 * words: as many indices of `bits` bits as a word holds, the first one in its lowest bits. */
typedef struct tfedge_shared_weights_params {
  int32_t are_words; /* 1: their kernel reads words, 0: bytes */
  int32_t bits;      /* of an index: 1 to 8 */
  const int8_t *values;
  const int32_t *words;
} tfedge_shared_weights_params;

typedef struct tfedge_shared_weights_reader {
  const int32_t *next;
} tfedge_shared_weights_reader;

TFEDGE_INLINE tfedge_shared_weights_reader
tfedge_shared_weights_start(const tfedge_shared_weights_params *params) {
  const tfedge_shared_weights_reader reader = {params->words};
  return reader;
}

/* The next `count` weights, a multiple of 8. */
void tfedge_shared_weights_read(const tfedge_shared_weights_params *params,
                                tfedge_shared_weights_reader *reader, uint32_t *to, int32_t count);

#endif
