/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_COPY_BYTES_H
#define TFEDGE_COPY_BYTES_H

#include <string.h>

#include "tfedge_platform.h"

/* A strided copy of up to six dimensions, whatever the bytes mean: every operator that only moves
 * values (TRANSPOSE, SLICE, SPLIT, PACK, TILE, CONCATENATION, ...). Block (i, j, k, l, m, n) of
 * block_bytes neighbouring bytes goes from input_offset + i*input_step[0] + ... to output_offset +
 * i*output_step[0] + ...; all are in bytes, and a step may be 0 or negative. Input and output may
 * be one buffer as long as no byte that is written is read. */
typedef struct tfedge_copy_bytes_params {
  int32_t block_bytes;
  int32_t input_offset;
  int32_t output_offset;
  int32_t extent[6];
  int32_t input_step[6];
  int32_t output_step[6];
} tfedge_copy_bytes_params;

/* The innermost loop. */
TFEDGE_INLINE void tfedge_copy_bytes_row(const tfedge_copy_bytes_params *params,
                                         const uint8_t *from, uint8_t *to) {
  const int32_t input_step = params->input_step[5];
  const int32_t output_step = params->output_step[5];
  if (params->block_bytes == 1) {
    for (int32_t n = 0; n < params->extent[5]; n++) {
      to[n * output_step] = from[n * input_step];
    }
    return;
  }
  for (int32_t n = 0; n < params->extent[5]; n++) {
    memcpy(to + n * output_step, from + n * input_step, (size_t)params->block_bytes);
  }
}

/* The three inner loops. */
TFEDGE_INLINE void tfedge_copy_bytes_volume(const tfedge_copy_bytes_params *params,
                                            const uint8_t *from, uint8_t *to) {
  const int32_t *const in = params->input_step;
  const int32_t *const out = params->output_step;
  for (int32_t l = 0; l < params->extent[3]; l++) {
    for (int32_t m = 0; m < params->extent[4]; m++) {
      tfedge_copy_bytes_row(params, from + (l * in[3] + m * in[4]), to + (l * out[3] + m * out[4]));
    }
  }
}

TFEDGE_INLINE void tfedge_copy_bytes_inline(const tfedge_copy_bytes_params *params,
                                            const void *input, void *output) {
  const int32_t *const in = params->input_step;
  const int32_t *const out = params->output_step;
  const uint8_t *const from = (const uint8_t *)input + params->input_offset;
  uint8_t *const to = (uint8_t *)output + params->output_offset;
  for (int32_t i = 0; i < params->extent[0]; i++) {
    for (int32_t j = 0; j < params->extent[1]; j++) {
      for (int32_t k = 0; k < params->extent[2]; k++) {
        tfedge_copy_bytes_volume(params, from + (i * in[0] + j * in[1] + k * in[2]),
                                 to + (i * out[0] + j * out[1] + k * out[2]));
      }
    }
  }
}

void tfedge_copy_bytes(const tfedge_copy_bytes_params *params, const void *input, void *output);

#endif
