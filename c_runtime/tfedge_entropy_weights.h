/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ENTROPY_WEIGHTS_H
#define TFEDGE_ENTROPY_WEIGHTS_H

#include "tfedge_weight_stream.h"

/* Weights by an entropy coder, in about as many bits as their frequencies call for.
 *
 * values: from the most frequent on; begins: where each one's share of TFEDGE_ENTROPY_SHARES
 * begins, and the end of the last.
 * bytes: of the stream; the first four are the state that it begins with, from the lowest.
 * Source: J. Duda, Asymmetric numeral systems, arXiv:1311.2540, the range variant (rANS) with a
 * state of 32 bits that is filled up by bytes. */
#define TFEDGE_ENTROPY_BITS 12
#define TFEDGE_ENTROPY_SHARES (1 << TFEDGE_ENTROPY_BITS)

typedef struct tfedge_entropy_weights_params {
  int32_t are_words; /* 1: their kernel reads words, 0: bytes */
  const int8_t *values;
  const int16_t *begins;
  const int8_t *bytes;
} tfedge_entropy_weights_params;

typedef struct tfedge_entropy_weights_reader {
  const int8_t *next;
  uint32_t state; /* 2^23 to 2^31 - 1 */
} tfedge_entropy_weights_reader;

tfedge_entropy_weights_reader tfedge_entropy_weights_start(
    const tfedge_entropy_weights_params *params);

/* The next `count` weights, a multiple of 8. */
void tfedge_entropy_weights_read(const tfedge_entropy_weights_params *params,
                                 tfedge_entropy_weights_reader *reader, uint32_t *to,
                                 int32_t count);

#endif
