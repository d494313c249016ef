/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_fully_connected_lanes_s8.h"

#if TFEDGE_HAS_MVE

/* Four channels' sums, as lanes; *weights moves on to those of the next ones. */
TFEDGE_INLINE int32x4_t tfedge_fully_connected_lanes_s8_sums(const int8_t *x, int32_t depth,
                                                             const int8_t **weights) {
  const int8_t *w = *weights;
  int32_t s0 = 0;
  int32_t s1 = 0;
  int32_t s2 = 0;
  int32_t s3 = 0;
  int32x4_t sums;
  __asm__ volatile(
      "  dlstp.8 lr, %[depth]\n"
      "1:\n"
      "  vldrb.8 q0, [%[x]], #16\n"
      "  vldrb.8 q1, [%[w]], #16\n"
      "  vmladava.s8 %[s0], q0, q1\n"
      "  vldrb.8 q2, [%[w]], #16\n"
      "  vmladava.s8 %[s1], q0, q2\n"
      "  vldrb.8 q3, [%[w]], #16\n"
      "  vmladava.s8 %[s2], q0, q3\n"
      "  vldrb.8 q1, [%[w]], #16\n"
      "  vmladava.s8 %[s3], q0, q1\n"
      "  letp lr, 1b\n"
      "  vmov %q[sums][2], %q[sums][0], %[s0], %[s2]\n"
      "  vmov %q[sums][3], %q[sums][1], %[s1], %[s3]\n"
      : [x] "+r"(x), [w] "+r"(w), [s0] "+Te"(s0), [s1] "+Te"(s1), [s2] "+Te"(s2), [s3] "+Te"(s3),
        [sums] "=&w"(sums)
      : [depth] "r"(depth)
      : "q0", "q1", "q2", "q3", "lr", "memory");
  *weights = w;
  return sums;
}

TFEDGE_SHARED
void tfedge_fully_connected_lanes_s8(const tfedge_fully_connected_lanes_s8_params *params,
                                     const int8_t *input, int8_t *output) {
  const int32_t depth = params->depth;
  const tfedge_lanes_output grid = params->output;
  const int8_t *weights = params->weights;
  const int32_t *bias = params->bias;
  const int32_t *scales = params->scales;
  for (int32_t left = params->channels; left > 0; left -= 4) {
    const int32x4_t sums = tfedge_fully_connected_lanes_s8_sums(input, depth, &weights);
    const tfedge_lanes_row row = {vldrwq_s32(bias), vldrwq_s32(scales), vldrwq_s32(scales + 4)};
    const int32x4_t y = tfedge_clamp_four(tfedge_requantize_four(sums, row), &grid);
    vstrbq_p_s32(output, y, vctp32q((uint32_t)left));
    bias += 4;
    scales += params->scales_step;
    output += 4;
  }
}

#else

TFEDGE_SHARED
void tfedge_fully_connected_lanes_s8(const tfedge_fully_connected_lanes_s8_params *params,
                                     const int8_t *input, int8_t *output) {
  const int32_t vectors = (params->depth + TFEDGE_LANES - 1) / TFEDGE_LANES;
  for (int32_t channel = 0; channel < params->channels; channel++) {
    const int8_t *const weights =
        params->weights + (channel / 4 * vectors * 4 + channel % 4) * TFEDGE_LANES;
    const int32_t *const scales = params->scales + channel / 4 * params->scales_step + channel % 4;
    int32_t sum = params->bias[channel];
    for (int32_t k = 0; k < params->depth; k++) {
      const int32_t w = weights[k / TFEDGE_LANES * 4 * TFEDGE_LANES + k % TFEDGE_LANES];
      sum = tfedge_wrapping_add(sum, input[k] * w);
    }
    output[channel] = tfedge_requantize_lane(sum, scales[0], scales[4], &params->output);
  }
}

#endif
