/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_depthwise_conv_2d_3x3_lanes_s8.h"

/* Rows of an interleaved word, and of a window. */
#define TFEDGE_PATCH_ROWS 4

#if TFEDGE_HAS_MVE

/* words[i] = from[i], from[row + i], from[2 * row + i], from[3 * row + i]. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_interleave(const int8_t *from, int32_t row,
                                                                    int8_t *words) {
  const int8_t *from1 = from + row;
  const int8_t *from2 = from1 + row;
  const int8_t *from3 = from2 + row;
  __asm__ volatile(
      "  dls lr, %[vectors]\n"
      "1:\n"
      "  vldrb.8 q0, [%[from0]], #16\n"
      "  vldrb.8 q1, [%[from1]], #16\n"
      "  vldrb.8 q2, [%[from2]], #16\n"
      "  vldrb.8 q3, [%[from3]], #16\n"
      "  vst40.8 {q0, q1, q2, q3}, [%[words]]\n"
      "  vst41.8 {q0, q1, q2, q3}, [%[words]]\n"
      "  vst42.8 {q0, q1, q2, q3}, [%[words]]\n"
      "  vst43.8 {q0, q1, q2, q3}, [%[words]]!\n"
      "  le lr, 1b\n"
      : [from0] "+r"(from), [from1] "+r"(from1), [from2] "+r"(from2), [from3] "+r"(from3),
        [words] "+r"(words)
      : [vectors] "r"((row + TFEDGE_LANES - 1) / TFEDGE_LANES)
      : "q0", "q1", "q2", "q3", "lr", "memory");
}

/* What the loop over channels walks through. */
typedef struct tfedge_depthwise_conv_2d_3x3_lanes_s8_walk {
  const int8_t *words; /* of the next channel */
  int8_t *output;
  const int8_t *weights;
  const int32_t *rows;
  const int32_t *end; /* of rows */
  int32_t channels;
  int32_t zero_point;
  int32_t is_odd;      /* whether the output's width is */
  int32_t pairs;       /* of columns of the output */
  uint32_t columns[4]; /* where the words of a patch lie */
  uint32_t pixels[4];  /* where the outputs (0, 0), (0, 1), (1, 0), (1, 1) of a patch lie */
} tfedge_depthwise_conv_2d_3x3_lanes_s8_walk;

#define TFEDGE_PATCH_FIELD(field) TFEDGE_FIELD(tfedge_depthwise_conv_2d_3x3_lanes_s8_walk, field)

/* The outputs of one patch; `rounding` moves halves away from zero, which makes no difference where
 * what is negative becomes the minimum. */
#define TFEDGE_PATCH(rounding)           \
  "  vldrw.u32 q0, [r3, q2]\n"           \
  "  vmladav.s8 r0, q0, q4\n"            \
  "  vmladav.s8 r2, q0, q5\n"            \
  "  vmladav.s8 r4, q0, q6\n"            \
  "  vmladav.s8 r6, q0, q7\n"            \
  "  add r3, r3, r11, lsl #3\n"          \
  "  vmov q0[2], q0[0], r0, r4\n"        \
  "  vmov q0[3], q0[1], r2, r6\n"        \
  "  vadd.i32 q0, q0, r8\n"              \
  "  vqrdmulh.s32 q0, q0, r9\n" rounding \
  "  vrshl.s32 q0, r10\n"                \
  "  vadd.i32 q0, q0, r12\n"             \
  "  vqmovnb.s32 q0, q0\n"               \
  "  vqmovnb.s16 q0, q0\n"               \
  "  vstrb.32 q0, [r5, q3]\n"            \
  "  add r5, r5, r11, lsl #1\n"

/* Two rows of outputs, channel by channel. Of an odd width, the first patch goes one column and not
 * two. All registers are in use; r7 may be the frame pointer. */
#define TFEDGE_PATCHES(rounding) \
  __asm__ volatile(                                                                                \
      "  ldr r11, [r1, %[channels]]\n"                                                             \
      "  ldr r12, [r1, %[zero_point]]\n"                                                           \
      "  add r0, r1, %[columns]\n"                                                                 \
      "  vldrw.32 q2, [r0]\n"                                                                      \
      "  vldrw.32 q3, [r0, #16]\n"                                                                 \
      "1:\n" /* a channel */                                                                       \
      "  ldr r0, [r1, %[weights]]\n"                                                               \
      "  ldr r2, [r1, %[rows]]\n"                                                                  \
      "  ldrd r3, r5, [r1, %[words]]\n"                                                            \
      "  vldrb.8 q4, [r0, #5]\n"                                                                   \
      "  vldrb.8 q5, [r0, #1]\n"                                                                   \
      "  vldrb.8 q6, [r0, #4]\n"                                                                   \
      "  vldrb.8 q7, [r0], #17\n"                                                                  \
      "  ldm r2!, {r8, r9, r10}\n"                                                                 \
      "  str r0, [r1, %[weights]]\n"                                                               \
      "  str r2, [r1, %[rows]]\n"                                                                  \
      "  adds r0, r3, #4\n"                                                                        \
      "  adds r2, r5, #1\n"                                                                        \
      "  strd r0, r2, [r1, %[words]]\n"                                                            \
      "  ldr r0, [r1, %[is_odd]]\n"                                                                \
      "  cmp r0, #0\n"                                                                             \
      "  beq 2f\n" TFEDGE_PATCH(rounding)                                                          \
      "  sub r3, r3, r11, lsl #2\n"                                                                \
      "  sub r5, r5, r11\n"                                                                        \
      "2:\n"                                                                                       \
      "  ldr r0, [r1, %[pairs]]\n"                                                                 \
      "  dls lr, r0\n"                                                                             \
      "3:\n" TFEDGE_PATCH(rounding)                                                                \
      "  le lr, 3b\n"                                                                              \
      "  ldrd r2, r4, [r1, %[rows]]\n"                                                             \
      "  cmp r2, r4\n"                                                                             \
      "  bne 1b\n"                                                                                 \
      : "+r"(context)                                                                              \
      : TFEDGE_PATCH_FIELD(words), TFEDGE_PATCH_FIELD(weights), TFEDGE_PATCH_FIELD(rows),          \
        TFEDGE_PATCH_FIELD(channels), TFEDGE_PATCH_FIELD(zero_point), TFEDGE_PATCH_FIELD(is_odd),  \
        TFEDGE_PATCH_FIELD(pairs), TFEDGE_PATCH_FIELD(columns)                                     \
      : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1",     \
        "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory")

TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_patches(
    tfedge_depthwise_conv_2d_3x3_lanes_s8_walk *walk) {
  register tfedge_depthwise_conv_2d_3x3_lanes_s8_walk *context __asm__("r1") = walk;
  if (walk->zero_point == INT8_MIN) {
    TFEDGE_PATCHES("");
  } else {
    TFEDGE_PATCHES("  vshr.s32 q1, q0, #31\n  vadd.i32 q0, q0, q1\n");
  }
}

/* Two rows of outputs from four rows of the window. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_rows(
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_params *params, const int8_t *from, int8_t *words,
    int8_t *output) {
  const uint32_t channels = (uint32_t)params->channels;
  const uint32_t width = (uint32_t)params->output_width;
  tfedge_depthwise_conv_2d_3x3_lanes_s8_walk walk;
  walk.words = words;
  walk.output = output;
  walk.weights = params->weights;
  walk.rows = params->rows;
  walk.end = params->rows + 3 * params->channels;
  walk.channels = params->channels;
  walk.zero_point = params->output_zero_point;
  walk.is_odd = params->output_width % 2;
  walk.pairs = params->output_width / 2;
  for (uint32_t i = 0; i < 4u; i++) {
    walk.columns[i] = i * TFEDGE_PATCH_ROWS * channels;
    walk.pixels[i] = (i / 2u * width + i % 2u) * channels;
  }
  tfedge_depthwise_conv_2d_3x3_lanes_s8_interleave(from, params->window.row, words);
  tfedge_depthwise_conv_2d_3x3_lanes_s8_patches(&walk);
}

#else

/* From a channel's weights to the next one's, and to its first one. */
#define TFEDGE_PATCH_WEIGHTS 17
#define TFEDGE_PATCH_ZEROS 5

/* Two rows of outputs from four rows of the window. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_rows(
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_params *params, const int8_t *from, int8_t *words,
    int8_t *output) {
  const int32_t channels = params->channels;
  const int32_t row_values = params->output_width * channels;
  (void)words;
  for (int32_t i = 0; i < 2 * row_values; i++) {
    const int32_t channel = i % channels;
    const int8_t *const taps = from + i / row_values * params->window.row + i % row_values;
    const int8_t *const weights =
        params->weights + channel * TFEDGE_PATCH_WEIGHTS + TFEDGE_PATCH_ZEROS;
    const int32_t *const row = params->rows + channel * 3;
    int32_t sum = row[0];
    for (int32_t tap = 0; tap < 9; tap++) {
      sum = tfedge_wrapping_add(sum, taps[tap / 3 * params->window.row + tap % 3 * channels] *
                                         weights[tap % 3 * TFEDGE_PATCH_ROWS + tap / 3]);
    }
    output[i] = (int8_t)tfedge_clamp(
        tfedge_requantize(sum, row[1], row[2]) + params->output_zero_point, INT8_MIN, INT8_MAX);
  }
}

#endif

TFEDGE_SHARED
void tfedge_depthwise_conv_2d_3x3_lanes_s8(
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_params *params, const int8_t *input, int8_t *output,
    void *scratch) {
  const int32_t row = params->output_width * params->channels;
  int8_t *const words = (int8_t *)scratch;
  int8_t *const buffer = words + TFEDGE_PATCH_ROWS * ((params->window.row + TFEDGE_LANES - 1) /
                                                      TFEDGE_LANES * TFEDGE_LANES);
  for (int32_t batch = 0; batch < params->batches; batch++) {
    tfedge_row_window_s8 window = tfedge_row_window_s8_start(&params->window, buffer);
    for (int32_t done = 0; done < params->output_height; done += 2) {
      const int32_t last = params->output_height - 2;
      const int32_t y = done < last ? done : last; /* the last but one row may be computed twice */
      tfedge_row_window_s8_move(&params->window, &window, input, y - params->window.pad_top);
      tfedge_depthwise_conv_2d_3x3_lanes_s8_rows(params, window.rows, words, output + y * row);
    }
    input += params->window.input_height * params->window.input_row;
    output += params->output_height * row;
  }
}
