/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_BROADCAST_S16_H
#define TFEDGE_BROADCAST_S16_H

#include "tfedge_broadcast.h"

/* tfedge_broadcast over int16 operands. */

/* One output element from one element of each operand. */
typedef int16_t (*tfedge_binary_s16)(const void *params, int16_t a, int16_t b);

/* The three inner dimensions; returns the end of what it wrote. */
TFEDGE_INLINE int16_t *tfedge_broadcast_block_s16(const tfedge_broadcast *shape, const void *params,
                                                  tfedge_binary_s16 function, const int16_t *a,
                                                  const int16_t *b, int16_t *output) {
  for (int32_t l = 0; l < shape->extent[3]; l++) {
    for (int32_t m = 0; m < shape->extent[4]; m++) {
      const int16_t *x = a + l * shape->a[3] + m * shape->a[4];
      const int16_t *y = b + l * shape->b[3] + m * shape->b[4];
      for (int32_t n = 0; n < shape->extent[5]; n++) {
        *output++ = function(params, *x, *y);
        x += shape->a[5];
        y += shape->b[5];
      }
    }
  }
  return output;
}

/* function is a literal, so that it is inlined into the innermost loop. */
TFEDGE_INLINE void tfedge_broadcast_s16(const tfedge_broadcast *shape, const void *params,
                                        tfedge_binary_s16 function, const int16_t *a,
                                        const int16_t *b, int16_t *output) {
  for (int32_t i = 0; i < shape->extent[0]; i++) {
    for (int32_t j = 0; j < shape->extent[1]; j++) {
      for (int32_t k = 0; k < shape->extent[2]; k++) {
        output = tfedge_broadcast_block_s16(
            shape, params, function, a + i * shape->a[0] + j * shape->a[1] + k * shape->a[2],
            b + i * shape->b[0] + j * shape->b[1] + k * shape->b[2], output);
      }
    }
  }
}

#endif
