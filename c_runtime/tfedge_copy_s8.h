/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_COPY_S8_H
#define TFEDGE_COPY_S8_H

#include <string.h>

#include "tfedge_dsp.h"

/* Copies bytes four at a time; where they come from and go to does not overlap. */
TFEDGE_INLINE void tfedge_copy_s8(int8_t *to, const int8_t *from, int32_t count) {
  int32_t left = count;
#if TFEDGE_HAS_DSP
  for (; left >= 4; left -= 4) {
    const uint32_t word = tfedge_load_four(from);
    memcpy(to, &word, sizeof word);
    from += 4;
    to += 4;
    TFEDGE_STEPPED(to); /* no call of memcpy, which small libraries write byte by byte */
  }
#endif
  for (; left > 0; left--) {
    *to++ = *from++;
  }
}

#endif
