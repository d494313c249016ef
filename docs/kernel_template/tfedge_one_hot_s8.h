/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_ONE_HOT_S8_H
#define TFEDGE_ONE_HOT_S8_H

#include "tfedge_platform.h"

/* ONE_HOT: [elements] -> [elements][depth], `on` where the position is the index, and `off`
 * elsewhere; everywhere, if there is no such position. No arithmetic.
 * Source: LiteRT's reference kernel. */
typedef struct tfedge_one_hot_s8_params {
  int32_t elements;
  int32_t depth;
  int32_t on; /* -128..127, as off */
  int32_t off;
} tfedge_one_hot_s8_params;

/* What a layer with code of its own inlines: its parameters are literals there. */
TFEDGE_INLINE void tfedge_one_hot_s8_inline(const tfedge_one_hot_s8_params *params,
                                            const int32_t *indices, int8_t *output) {
  const tfedge_one_hot_s8_params local = *params; /* writes of bytes cannot change a copy */
  for (int32_t i = 0; i < local.elements; i++) {
    for (int32_t j = 0; j < local.depth; j++) {
      *output++ = (int8_t)(indices[i] == j ? local.on : local.off);
    }
  }
}

void tfedge_one_hot_s8(const tfedge_one_hot_s8_params *params, const int32_t *indices,
                       int8_t *output);

#endif
