/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_depthwise_conv_2d_lanes_s8.h"

#if TFEDGE_HAS_MVE

/* clang-format off */
/* Requantises four lanes of sums with the constants of their row; see tfedge_requantize_lanes.h. */
#define TFEDGE_SCALE_LANES(sums, multiplier, shift) \
  "  vldrw.32 q0, [%[rows], #" multiplier "]\n"     \
  "  vqrdmulh.s32 " sums ", " sums ", q0\n"         \
  "  vshr.s32 q1, " sums ", #31\n"                  \
  "  vadd.i32 " sums ", " sums ", q1\n"             \
  "  vldrw.32 q0, [%[rows], #" shift "]\n"          \
  "  vrshl.s32 " sums ", " sums ", q0\n"
/* clang-format on */

/* 16 outputs before clamping. */
TFEDGE_INLINE int8x16_t tfedge_depthwise_conv_2d_lanes_s8_taps(const int8_t *input,
                                                               const int8_t *weights,
                                                               const int32_t *offsets,
                                                               int32_t pairs, const int32_t *rows,
                                                               int32_t zero_point) {
  int8x16_t outputs; /* sums first, as the others */
  int32x4_t s1;
  int32x4_t s2;
  int32x4_t s3;
  int32_t a;
  int32_t b;
  __asm__ volatile(
      "  vldrw.32 %q[s0], [%[rows]]\n"
      "  vldrw.32 %q[s1], [%[rows], #48]\n"
      "  vldrw.32 %q[s2], [%[rows], #96]\n"
      "  vldrw.32 %q[s3], [%[rows], #144]\n"
      "  dls lr, %[pairs]\n"
      "1:\n" /* two taps */
      "  ldrd %[a], %[b], [%[offsets]], #8\n"
      "  add %[a], %[a], %[x]\n"
      "  add %[b], %[b], %[x]\n"
      "  vldrb.8 q1, [%[w]], #16\n"
      "  vldrb.8 q0, [%[a]]\n"
      "  vmullb.s8 q2, q0, q1\n"
      "  vmullt.s8 q3, q0, q1\n"
      "  vldrb.8 q1, [%[w]], #16\n"
      "  vldrb.8 q0, [%[b]]\n"
      "  vmullb.s8 q0, q0, q1\n"
      "  vadd.i16 q2, q2, q0\n"
      "  vldrb.8 q0, [%[b]]\n"
      "  vmullt.s8 q0, q0, q1\n"
      "  vadd.i16 q3, q3, q0\n"
      "  vmovlb.s16 q0, q2\n"
      "  vadd.i32 %q[s0], %q[s0], q0\n"
      "  vmovlt.s16 q1, q2\n"
      "  vadd.i32 %q[s1], %q[s1], q1\n"
      "  vmovlb.s16 q0, q3\n"
      "  vadd.i32 %q[s2], %q[s2], q0\n"
      "  vmovlt.s16 q1, q3\n"
      "  vadd.i32 %q[s3], %q[s3], q1\n"
      "  le lr, 1b\n"
      TFEDGE_SCALE_LANES("%q[s0]", "16", "32")
      TFEDGE_SCALE_LANES("%q[s1]", "64", "80")
      TFEDGE_SCALE_LANES("%q[s2]", "112", "128")
      TFEDGE_SCALE_LANES("%q[s3]", "160", "176")
      "  vqmovnb.s32 %q[s0], %q[s0]\n"
      "  vqmovnt.s32 %q[s0], %q[s1]\n"
      "  vqmovnb.s32 %q[s2], %q[s2]\n"
      "  vqmovnt.s32 %q[s2], %q[s3]\n"
      "  vqadd.s16 %q[s0], %q[s0], %[zero]\n"
      "  vqadd.s16 %q[s2], %q[s2], %[zero]\n"
      "  vqmovnb.s16 %q[s0], %q[s0]\n"
      "  vqmovnt.s16 %q[s0], %q[s2]\n"
      : [w] "+r"(weights), [offsets] "+r"(offsets), [a] "=&r"(a), [b] "=&r"(b),
        [s0] "=&w"(outputs), [s1] "=&w"(s1), [s2] "=&w"(s2), [s3] "=&w"(s3)
      : [x] "r"(input), [pairs] "r"(pairs), [rows] "r"(rows), [zero] "r"(zero_point)
      : "q0", "q1", "q2", "q3", "lr", "memory");
  return outputs;
}

TFEDGE_INLINE void tfedge_depthwise_conv_2d_lanes_s8_vector(
    const tfedge_depthwise_conv_2d_lanes_s8_params *params, const int8_t *input,
    const int8_t *weights, const int32_t *rows, int8_t *output, int32_t values) {
  int8x16_t y = tfedge_depthwise_conv_2d_lanes_s8_taps(
      input, weights, params->offsets, params->pairs, rows, params->output.zero_point);
  y = vmaxq_s8(y, vdupq_n_s8((int8_t)params->output.min));
  y = vminq_s8(y, vdupq_n_s8((int8_t)params->output.max));
  vstrbq_p_s8(output, y, vctp8q((uint32_t)values));
}

#else

TFEDGE_INLINE void tfedge_depthwise_conv_2d_lanes_s8_vector(
    const tfedge_depthwise_conv_2d_lanes_s8_params *params, const int8_t *input,
    const int8_t *weights, const int32_t *rows, int8_t *output, int32_t values) {
  for (int32_t lane = 0; lane < TFEDGE_LANES && lane < values; lane++) {
    const int32_t row = lane % 2 * 2 + lane / 2 % 2; /* which of the four has the lane */
    int32_t sum = 0;
    for (int32_t tap = 0; tap < 2 * params->pairs; tap++) {
      sum += input[params->offsets[tap] + lane] * weights[tap * TFEDGE_LANES + lane];
    }
    output[lane] =
        tfedge_requantize_row_lane(sum, rows + row * TFEDGE_ROW_WORDS, lane / 4, &params->output);
  }
}

#endif

/* One row of outputs. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_lanes_s8_row(
    const tfedge_depthwise_conv_2d_lanes_s8_params *params, const int8_t *input, int8_t *output) {
  const int8_t *weights = params->weights;
  const int32_t *rows = params->rows;
  for (int32_t block = 0; block < params->blocks; block++) {
    const int8_t *from = input + block * TFEDGE_LANES;
    int8_t *to = output + block * TFEDGE_LANES;
    int32_t values = params->values - block * TFEDGE_LANES;
    for (int32_t step = 0; step < params->steps; step++) {
      tfedge_depthwise_conv_2d_lanes_s8_vector(params, from, weights, rows, to, values);
      from += params->input_step;
      to += params->output_step;
      values -= params->values_step;
    }
    weights += 2 * params->pairs * TFEDGE_LANES;
    rows += 4 * TFEDGE_ROW_WORDS;
  }
}

TFEDGE_SHARED
void tfedge_depthwise_conv_2d_lanes_s8(const tfedge_depthwise_conv_2d_lanes_s8_params *params,
                                       const int8_t *input, int8_t *output, void *scratch) {
  for (int32_t batch = 0; batch < params->batches; batch++) {
    tfedge_row_window_s8 window = tfedge_row_window_s8_start(&params->window, (int8_t *)scratch);
    for (int32_t y = 0; y < params->output_height; y++) {
      const int32_t first = y * params->stride_y - params->window.pad_top;
      tfedge_row_window_s8_move(&params->window, &window, input, first);
      tfedge_depthwise_conv_2d_lanes_s8_row(params, window.rows, output);
      output += params->output_row;
    }
    input += params->window.input_height * params->window.input_row;
  }
}
