/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_GATHER_BYTES_H
#define TFEDGE_GATHER_BYTES_H

#include <string.h>

#include "tfedge_platform.h"

/* GATHER, GATHER_ND and EMBEDDING_LOOKUP, whatever the bytes mean: [batches][outer][volume] and
 * indices [batches][tuples][depth] -> [batches][outer][tuples][slice_bytes]. A tuple (i, j, ...)
 * picks the slice at i*step[0] + j*step[1] + ... of its volume.
 *
 * Returns TFEDGE_ERROR_INDEX at the first index outside of 0..extent-1, like TFLite Micro's
 * GATHER, which fails there too; what lies behind it in the output is then not written. */
typedef struct tfedge_gather_bytes_params {
  int32_t batches;
  int32_t outer;
  int32_t volume_bytes;
  int32_t tuples;
  int32_t depth; /* 1..6 */
  int32_t slice_bytes;
  int32_t extent[6]; /* [depth] */
  int32_t step[6];   /* [depth], bytes */
} tfedge_gather_bytes_params;

/* Where a tuple's slice begins, or -1 if there is none. */
TFEDGE_INLINE int32_t tfedge_gather_bytes_offset(const tfedge_gather_bytes_params *params,
                                                 const int32_t *tuple) {
  int32_t offset = 0;
  for (int32_t i = 0; i < params->depth; i++) {
    if (tuple[i] < 0 || tuple[i] >= params->extent[i]) {
      return -1;
    }
    offset += tuple[i] * params->step[i];
  }
  return offset;
}

TFEDGE_INLINE int tfedge_gather_bytes_inline(const tfedge_gather_bytes_params *params,
                                             const void *input, const int32_t *indices,
                                             void *output) {
  const uint8_t *from = (const uint8_t *)input;
  uint8_t *to = (uint8_t *)output;
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t outer = 0; outer < params->outer; outer++) {
      for (int32_t tuple = 0; tuple < params->tuples; tuple++) {
        const int32_t offset = tfedge_gather_bytes_offset(params, indices + tuple * params->depth);
        if (offset < 0) {
          return TFEDGE_ERROR_INDEX;
        }
        memcpy(to, from + offset, (size_t)params->slice_bytes);
        to += params->slice_bytes;
      }
      from += params->volume_bytes;
    }
    indices += params->tuples * params->depth;
  }
  return TFEDGE_OK;
}

int tfedge_gather_bytes(const tfedge_gather_bytes_params *params, const void *input,
                        const int32_t *indices, void *output);

#endif
