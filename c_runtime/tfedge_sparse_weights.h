/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_SPARSE_WEIGHTS_H
#define TFEDGE_SPARSE_WEIGHTS_H

#include "tfedge_weight_stream.h"

/* Weights of which many are 0: a bit for each, and the values of the others, or indices into a
 * table of these.
 *
 * masks: a bit for each of 32 weights, from the lowest on, which is 1 where there is a value; the
 * next tile begins a word of its own.
 * words: as many of these as a word holds, by `bits` bits, the first one in its lowest bits:
 * indices if there is a table, else values. They go on from tile to tile. */
typedef struct tfedge_sparse_weights_params {
  int32_t are_words; /* 1: their kernel reads words, 0: bytes */
  int32_t bits;      /* of an index: 1 to 7; 8 without a table */
  const int8_t *values;
  const int32_t *masks;
  const int32_t *words;
} tfedge_sparse_weights_params;

typedef struct tfedge_sparse_weights_reader {
  const int32_t *mask;
  const int32_t *next;
  uint32_t word; /* what is left of one */
  int32_t left;  /* values in it */
} tfedge_sparse_weights_reader;

TFEDGE_INLINE tfedge_sparse_weights_reader
tfedge_sparse_weights_start(const tfedge_sparse_weights_params *params) {
  const tfedge_sparse_weights_reader reader = {params->masks, params->words, 0u, 0};
  return reader;
}

/* The next `count` weights, a multiple of 8. */
void tfedge_sparse_weights_read(const tfedge_sparse_weights_params *params,
                                tfedge_sparse_weights_reader *reader, uint32_t *to, int32_t count);

#endif
