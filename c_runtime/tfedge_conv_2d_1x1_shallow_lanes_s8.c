/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_conv_2d_1x1_shallow_lanes_s8.h"

#if TFEDGE_HAS_MVE

/* Four channels of a block of pixels; `rounding` moves halves away from zero, which makes no
 * difference where what is negative becomes the minimum. It needs the register of the biases, which
 * are loaded again. Outputs are limited by int8 alone. Compilers know no name for the predicate
 * that this sets; nothing else here has one. */
#define TFEDGE_SHALLOW_PIXELS(rounding, biases)                                               \
  __asm__ volatile(                                                                           \
      "  vctp.8 %[depth]\n"                                                                   \
      "  dls lr, %[s0]\n"                                                                     \
      "1:\n"                                                                                  \
      "  vpst\n"                                                                              \
      "  vldrbt.8 q0, [%[x]]\n"                                                               \
      "  add %[x], %[x], %[depth]\n"                                                          \
      "  vmladav.s8 %[s0], q0, %q[w0]\n"                                                      \
      "  vmladav.s8 %[s1], q0, %q[w1]\n"                                                      \
      "  vmladav.s8 %[s2], q0, %q[w2]\n"                                                      \
      "  vmladav.s8 %[s3], q0, %q[w3]\n"                                                      \
      "  vmov q0[2], q0[0], %[s0], %[s2]\n"                                                   \
      "  vmov q0[3], q0[1], %[s1], %[s3]\n"                                                   \
      "  vadd.i32 q0, q0, %q[bias]\n"                                                         \
      "  vqrdmulh.s32 q0, q0, %q[multiplier]\n" rounding                                      \
      "  vrshl.s32 q0, q0, %q[shift]\n"                                                       \
      "  vadd.i32 q0, q0, %[zero]\n"                                                          \
      "  vqmovnb.s32 q0, q0\n"                                                                \
      "  vqmovnb.s16 q0, q0\n"                                                                \
      "  vstrb.32 q0, [%[output]]\n"                                                          \
      "  add %[output], %[output], %[channels]\n" biases "  le lr, 1b\n"                      \
      : [x] "+r"(x), [output] "+l"(output), [s0] "+Te"(s0), [s1] "=&Te"(s1), [s2] "=&Te"(s2), \
        [s3] "=&Te"(s3), [bias] "+w"(constants.bias)                                          \
      : [row] "r"(row), [depth] "r"(params->depth), [channels] "r"(params->channels),         \
        [zero] "r"(params->output.zero_point), [multiplier] "w"(constants.multiplier),        \
        [shift] "w"(constants.shift), [w0] "w"(w0), [w1] "w"(w1), [w2] "w"(w2), [w3] "w"(w3)  \
      : "q0", "lr", "memory")

TFEDGE_INLINE void tfedge_conv_2d_1x1_shallow_lanes_s8_four(
    const tfedge_conv_2d_1x1_shallow_lanes_s8_params *params, const int8_t *x, int32_t pixels,
    const int8_t *weights, const int32_t *row, int8_t *output) {
  const int8x16_t w0 = vldrbq_s8(weights);
  const int8x16_t w1 = vldrbq_s8(weights + TFEDGE_LANES);
  const int8x16_t w2 = vldrbq_s8(weights + 2 * TFEDGE_LANES);
  const int8x16_t w3 = vldrbq_s8(weights + 3 * TFEDGE_LANES);
  tfedge_lanes_row constants = tfedge_lanes_row_at(row);
  int32_t s0 = pixels; /* of turns first */
  int32_t s1;
  int32_t s2;
  int32_t s3;
  if (params->output.zero_point == INT8_MIN) {
    TFEDGE_SHALLOW_PIXELS("", "");
  } else {
    TFEDGE_SHALLOW_PIXELS(
        "  vshr.s32 %q[bias], q0, #31\n"
        "  vadd.i32 q0, q0, %q[bias]\n",
        "  vldrw.32 %q[bias], [%[row]]\n");
  }
}

#else

TFEDGE_INLINE void tfedge_conv_2d_1x1_shallow_lanes_s8_four(
    const tfedge_conv_2d_1x1_shallow_lanes_s8_params *params, const int8_t *x, int32_t pixels,
    const int8_t *weights, const int32_t *row, int8_t *output) {
  for (int32_t pixel = 0; pixel < pixels; pixel++) {
    for (int32_t channel = 0; channel < 4; channel++) {
      int32_t sum = 0;
      for (int32_t k = 0; k < params->depth; k++) {
        sum += x[k] * weights[channel * TFEDGE_LANES + k];
      }
      output[channel] = tfedge_requantize_row_lane(sum, row, channel, &params->output);
    }
    x += params->depth;
    output += params->channels;
  }
}

#endif

TFEDGE_SHARED
void tfedge_conv_2d_1x1_shallow_lanes_s8(const tfedge_conv_2d_1x1_shallow_lanes_s8_params *params,
                                         const int8_t *input, int8_t *output, void *scratch) {
  int8_t *const block = (int8_t *)scratch;
  const int32_t blocks = (params->pixels + params->block_pixels - 1) / params->block_pixels;
  for (int32_t done = 0; done < blocks; done++) {
    const int32_t first =
        (params->backwards != 0 ? blocks - 1 - done : done) * params->block_pixels;
    const int32_t left = params->pixels - first;
    const int32_t pixels = left < params->block_pixels ? left : params->block_pixels;
    const int8_t *weights = params->weights;
    const int32_t *row = params->rows;
    tfedge_copy_lanes_s8(block, input + first * params->depth, pixels * params->depth);
    for (int32_t channel = 0; channel < params->channels; channel += 4) {
      tfedge_conv_2d_1x1_shallow_lanes_s8_four(params, block, pixels, weights, row,
                                               output + first * params->channels + channel);
      weights += 4 * TFEDGE_LANES;
      row += TFEDGE_ROW_WORDS;
    }
  }
}
