/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_matmul_lanes_s8.h"

/* What the inner loops walk through: two pixels and the channels that are to come. */
typedef struct tfedge_matmul_lanes_s8_walk {
  const int8_t *pixel_a;
  const int8_t *pixel_b;
  int32_t *sums_a; /* of the next channels */
  int32_t *sums_b;
  const int32_t *end; /* of sums_a */
  const int8_t *weights;
  int32_t depth;
} tfedge_matmul_lanes_s8_walk;

#if TFEDGE_HAS_MVE

/* Three channels' sums of both pixels at a time, up to the end, which is three at least. The
 * registers are chosen here: sums need six even ones, and compilers run out of the others; r7 may
 * be the frame pointer. */
TFEDGE_INLINE void tfedge_matmul_lanes_s8_threes(tfedge_matmul_lanes_s8_walk *walk) {
  register tfedge_matmul_lanes_s8_walk *context __asm__("r1") = walk;
  __asm__ volatile(
      "  ldr r9, [r1, %[weights]]\n"
      "  ldr r11, [r1, %[depth]]\n"
      "1:\n" /* three channels */
      "  ldrd r3, r5, [r1, %[pixel_a]]\n"
      "  movs r0, #0\n"
      "  movs r2, #0\n"
      "  movs r4, #0\n"
      "  movs r6, #0\n"
      "  mov r8, r0\n"
      "  mov r10, r0\n"
      "  dlstp.8 lr, r11\n"
      "2:\n" /* 16 values */
      "  vldrb.8 q0, [r9], #16\n"
      "  vldrb.8 q1, [r3], #16\n"
      "  vmladava.s8 r0, q1, q0\n"
      "  vldrb.8 q2, [r5], #16\n"
      "  vmladava.s8 r6, q2, q0\n"
      "  vldrb.8 q3, [r9], #16\n"
      "  vmladava.s8 r2, q1, q3\n"
      "  vmladava.s8 r8, q2, q3\n"
      "  vldrb.8 q0, [r9], #16\n"
      "  vmladava.s8 r4, q1, q0\n"
      "  vmladava.s8 r10, q2, q0\n"
      "  letp lr, 2b\n"
      "  ldrd r12, lr, [r1, %[sums_a]]\n"
      "  ldr r3, [r1, %[end]]\n"
      "  stm r12!, {r0, r2, r4}\n"
      "  stm lr!, {r6, r8, r10}\n"
      "  strd r12, lr, [r1, %[sums_a]]\n"
      "  cmp r12, r3\n"
      "  bne 1b\n"
      "  str r9, [r1, %[weights]]\n"
      : "+r"(context)
      : TFEDGE_FIELD(tfedge_matmul_lanes_s8_walk, pixel_a),
        TFEDGE_FIELD(tfedge_matmul_lanes_s8_walk, sums_a),
        TFEDGE_FIELD(tfedge_matmul_lanes_s8_walk, end),
        TFEDGE_FIELD(tfedge_matmul_lanes_s8_walk, weights),
        TFEDGE_FIELD(tfedge_matmul_lanes_s8_walk, depth)
      : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1", "q2",
        "q3", "cc", "memory");
}

/* The same for one channel. */
TFEDGE_INLINE void tfedge_matmul_lanes_s8_one(tfedge_matmul_lanes_s8_walk *walk) {
  const int8_t *a = walk->pixel_a;
  const int8_t *b = walk->pixel_b;
  const int8_t *weights = walk->weights;
  int32_t sum_a = 0;
  int32_t sum_b = 0;
  __asm__ volatile(
      "  dlstp.8 lr, %[depth]\n"
      "1:\n"
      "  vldrb.8 q0, [%[weights]], #16\n"
      "  vldrb.8 q1, [%[a]], #16\n"
      "  vmladava.s8 %[sum_a], q1, q0\n"
      "  vldrb.8 q2, [%[b]], #16\n"
      "  vmladava.s8 %[sum_b], q2, q0\n"
      "  letp lr, 1b\n"
      :
      [a] "+r"(a), [b] "+r"(b), [weights] "+r"(weights), [sum_a] "+Te"(sum_a), [sum_b] "+Te"(sum_b)
      : [depth] "r"(walk->depth)
      : "q0", "q1", "q2", "lr", "memory");
  *walk->sums_a++ = sum_a;
  *walk->sums_b++ = sum_b;
  walk->weights = weights;
}

/* Requantises four channels of both pixels at a time; `rounding` moves halves away from zero, which
 * makes no difference where what is negative becomes the minimum. */
#define TFEDGE_MATMUL_LANES_S8_OUTPUTS(rounding)                                                  \
  __asm__ volatile(                                                                               \
      "  dlstp.32 lr, %[channels]\n"                                                              \
      "1:\n"                                                                                      \
      "  vldrw.32 q0, [%[sums_a]], #16\n"                                                         \
      "  vldrw.32 q1, [%[sums_b]], #16\n"                                                         \
      "  vldrw.32 q2, [%[rows]], #16\n"                                                           \
      "  vadd.i32 q0, q0, q2\n"                                                                   \
      "  vadd.i32 q1, q1, q2\n"                                                                   \
      "  vldrw.32 q2, [%[rows]], #16\n"                                                           \
      "  vqrdmulh.s32 q0, q0, q2\n"                                                               \
      "  vqrdmulh.s32 q1, q1, q2\n" rounding                                                      \
      "  vldrw.32 q2, [%[rows]], #16\n"                                                           \
      "  vrshl.s32 q0, q0, q2\n"                                                                  \
      "  vrshl.s32 q1, q1, q2\n"                                                                  \
      "  vadd.i32 q0, q0, %[zero]\n"                                                              \
      "  vadd.i32 q1, q1, %[zero]\n"                                                              \
      "  vmax.s32 q0, q0, %q[min]\n"                                                              \
      "  vmax.s32 q1, q1, %q[min]\n"                                                              \
      "  vmin.s32 q0, q0, %q[max]\n"                                                              \
      "  vmin.s32 q1, q1, %q[max]\n"                                                              \
      "  vstrb.32 q0, [%[a]], #4\n"                                                               \
      "  vstrb.32 q1, [%[b]], #4\n"                                                               \
      "  letp lr, 1b\n"                                                                           \
      : [a] "+l"(a), [b] "+l"(b), [sums_a] "+r"(sums_a), [sums_b] "+r"(sums_b), [rows] "+r"(rows) \
      : [channels] "r"(params->channels), [zero] "r"(params->output.zero_point),                  \
        [min] "w"(vdupq_n_s32(params->output.min)), [max] "w"(vdupq_n_s32(params->output.max))    \
      : "q0", "q1", "q2", "lr", "memory")

TFEDGE_INLINE void tfedge_matmul_lanes_s8_outputs(const tfedge_matmul_lanes_s8_params *params,
                                                  const int32_t *sums_a, int8_t *a, int8_t *b) {
  const int32_t *sums_b = sums_a + params->sums_step;
  const int32_t *rows = params->rows;
  if (params->output.min == params->output.zero_point) {
    TFEDGE_MATMUL_LANES_S8_OUTPUTS("");
  } else {
    TFEDGE_MATMUL_LANES_S8_OUTPUTS(
        "  vshr.s32 q2, q0, #31\n"
        "  vadd.i32 q0, q0, q2\n"
        "  vshr.s32 q2, q1, #31\n"
        "  vadd.i32 q1, q1, q2\n");
  }
}

#else

/* `together` channels of both pixels, whose weights alternate vector by vector. */
TFEDGE_INLINE void tfedge_matmul_lanes_s8_some(tfedge_matmul_lanes_s8_walk *walk,
                                               int32_t together) {
  for (int32_t channel = 0; channel < together; channel++) {
    const int8_t *const weights = walk->weights + channel * TFEDGE_LANES;
    int32_t sum_a = 0;
    int32_t sum_b = 0;
    for (int32_t k = 0; k < walk->depth; k++) {
      const int32_t w = weights[k / TFEDGE_LANES * TFEDGE_LANES * together + k % TFEDGE_LANES];
      sum_a += walk->pixel_a[k] * w;
      sum_b += walk->pixel_b[k] * w;
    }
    *walk->sums_a++ = sum_a;
    *walk->sums_b++ = sum_b;
  }
  walk->weights += (walk->depth + TFEDGE_LANES - 1) / TFEDGE_LANES * TFEDGE_LANES * together;
}

TFEDGE_INLINE void tfedge_matmul_lanes_s8_threes(tfedge_matmul_lanes_s8_walk *walk) {
  while (walk->sums_a != walk->end) {
    tfedge_matmul_lanes_s8_some(walk, 3);
  }
}

TFEDGE_INLINE void tfedge_matmul_lanes_s8_one(tfedge_matmul_lanes_s8_walk *walk) {
  tfedge_matmul_lanes_s8_some(walk, 1);
}

TFEDGE_INLINE void tfedge_matmul_lanes_s8_outputs(const tfedge_matmul_lanes_s8_params *params,
                                                  const int32_t *sums_a, int8_t *a, int8_t *b) {
  const int32_t *const sums_b = sums_a + params->sums_step;
  for (int32_t channel = 0; channel < params->channels; channel++) {
    const int32_t *const row = params->rows + channel / 4 * TFEDGE_ROW_WORDS;
    a[channel] = tfedge_requantize_row_lane(sums_a[channel], row, channel % 4, &params->output);
    b[channel] = tfedge_requantize_row_lane(sums_b[channel], row, channel % 4, &params->output);
  }
}

#endif

TFEDGE_SHARED
void tfedge_matmul_lanes_s8(const tfedge_matmul_lanes_s8_params *params, const int8_t *pixels,
                            int32_t count, int32_t pixel_step, int8_t *output, int32_t output_step,
                            int32_t *sums) {
  const int32_t *const end = sums + params->channels;
  tfedge_matmul_lanes_s8_walk walk;
  walk.depth = params->depth;
  for (int32_t left = count; left > 0; left -= 2) {
    const int is_pair = left > 1; /* the last of an odd number is computed twice */
    walk.pixel_a = pixels;
    walk.pixel_b = is_pair ? pixels + pixel_step : pixels;
    walk.sums_a = sums;
    walk.sums_b = sums + params->sums_step;
    walk.end = sums + params->threes;
    walk.weights = params->weights;
    if (params->threes > 0) {
      tfedge_matmul_lanes_s8_threes(&walk);
    }
    while (walk.sums_a != end) {
      tfedge_matmul_lanes_s8_one(&walk);
    }
    tfedge_matmul_lanes_s8_outputs(params, sums, output, is_pair ? output + output_step : output);
    pixels += 2 * pixel_step;
    output += 2 * output_step;
  }
}
