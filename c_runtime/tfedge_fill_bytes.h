/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_FILL_BYTES_H
#define TFEDGE_FILL_BYTES_H

#include <string.h>

#include "tfedge_platform.h"

/* Every byte of the output becomes the same: what PAD puts around its input, ZEROS_LIKE, FILL. */
typedef struct tfedge_fill_bytes_params {
  int32_t bytes;
  int32_t value; /* 0..255 */
} tfedge_fill_bytes_params;

TFEDGE_INLINE void tfedge_fill_bytes_inline(const tfedge_fill_bytes_params *params, void *output) {
  memset(output, (int)params->value, (size_t)params->bytes);
}

void tfedge_fill_bytes(const tfedge_fill_bytes_params *params, void *output);

#endif
