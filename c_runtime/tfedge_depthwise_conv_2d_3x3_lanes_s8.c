/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_depthwise_conv_2d_3x3_lanes_s8.h"

/* Rows of a word, and bytes of a column's words. */
#define TFEDGE_PATCH_ROWS 4
#define TFEDGE_PATCH_COLUMN 64

/* From a channel's weights to the next one's, and from its constants to those of the next one. */
#define TFEDGE_PATCH_WEIGHTS 17
#define TFEDGE_PATCH_CONSTANTS 3

/* At most 16 channels. */
typedef struct tfedge_depthwise_conv_2d_3x3_lanes_s8_group {
  int32_t channels;
  const int8_t *weights;
  const int32_t *rows;
} tfedge_depthwise_conv_2d_3x3_lanes_s8_group;

/* Their values in a row of the input. */
typedef struct tfedge_depthwise_conv_2d_3x3_lanes_s8_source {
  const int8_t *values;
  int32_t step; /* from a pixel to the next one; 0 outside of the input */
} tfedge_depthwise_conv_2d_3x3_lanes_s8_source;

#if TFEDGE_HAS_MVE

/* clang-format off */
/* Takes columns' words apart, and stores four rows of them and of `loads` again. */
#define TFEDGE_MOVE_UP(loads, stored)          \
  "  vctp.8 %[channels]\n"                     \
  "  dls lr, %[pixels]\n"                      \
  "1:\n"                                       \
  "  vld40.8 {q0, q1, q2, q3}, [%[words]]\n"   \
  "  vld41.8 {q0, q1, q2, q3}, [%[words]]\n"   \
  "  vld42.8 {q0, q1, q2, q3}, [%[words]]\n"   \
  "  vld43.8 {q0, q1, q2, q3}, [%[words]]\n"   \
  loads                                        \
  "  vst40.8 {" stored "}, [%[words]]\n"       \
  "  vst41.8 {" stored "}, [%[words]]\n"       \
  "  vst42.8 {" stored "}, [%[words]]\n"       \
  "  vst43.8 {" stored "}, [%[words]]!\n"      \
  "  le lr, 1b\n"
/* clang-format on */

/* Moves the words of pixels up by one row, to which another is added below. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_add_row(
    int8_t *words, int32_t pixels, int32_t channels,
    tfedge_depthwise_conv_2d_3x3_lanes_s8_source row) {
  __asm__ volatile(TFEDGE_MOVE_UP("  vpst\n"
                                  "  vldrbt.u8 q4, [%[row]]\n"
                                  "  add %[row], %[row], %[step]\n",
                                  "q1, q2, q3, q4")
                   : [words] "+r"(words), [row] "+r"(row.values)
                   : [step] "r"(row.step), [pixels] "r"(pixels), [channels] "r"(channels)
                   : "q0", "q1", "q2", "q3", "q4", "lr", "memory");
}

/* The same by two rows. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_add_two_rows(
    int8_t *words, int32_t pixels, int32_t channels,
    tfedge_depthwise_conv_2d_3x3_lanes_s8_source row,
    tfedge_depthwise_conv_2d_3x3_lanes_s8_source next) {
  __asm__ volatile(TFEDGE_MOVE_UP("  vpstt\n"
                                  "  vldrbt.u8 q4, [%[row]]\n"
                                  "  vldrbt.u8 q5, [%[next]]\n"
                                  "  add %[row], %[row], %[step]\n"
                                  "  add %[next], %[next], %[next_step]\n",
                                  "q2, q3, q4, q5")
                   : [words] "+r"(words), [row] "+r"(row.values), [next] "+r"(next.values)
                   : [step] "r"(row.step), [next_step] "r"(next.step), [pixels] "r"(pixels),
                     [channels] "r"(channels)
                   : "q0", "q1", "q2", "q3", "q4", "q5", "lr", "memory");
}

/* What the loop over channels walks through. */
typedef struct tfedge_depthwise_conv_2d_3x3_lanes_s8_walk {
  const int8_t *words; /* of the next channel */
  int8_t *output;
  const int8_t *weights;
  const int32_t *rows;
  const int32_t *end; /* of the rows of these channels */
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
  "  add r3, r3, #128\n"                 \
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
      "  sub r3, r3, #64\n"                                                                        \
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

TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_start(
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_params *params,
    tfedge_depthwise_conv_2d_3x3_lanes_s8_walk *walk) {
  const uint32_t channels = (uint32_t)params->channels;
  const uint32_t width = (uint32_t)params->output_width;
  walk->channels = params->channels;
  walk->zero_point = params->output_zero_point;
  walk->is_odd = params->output_width % 2;
  walk->pairs = params->output_width / 2;
  for (uint32_t i = 0; i < 4u; i++) {
    walk->columns[i] = i * TFEDGE_PATCH_COLUMN;
    walk->pixels[i] = (i / 2u * width + i % 2u) * channels;
  }
}

/* Two rows of outputs. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_rows(
    tfedge_depthwise_conv_2d_3x3_lanes_s8_walk *walk,
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_group *group, const int8_t *words, int8_t *output) {
  walk->words = words;
  walk->output = output;
  walk->weights = group->weights;
  walk->rows = group->rows;
  walk->end = group->rows + TFEDGE_PATCH_CONSTANTS * group->channels;
  tfedge_depthwise_conv_2d_3x3_lanes_s8_patches(walk);
}

#else

/* Moves the words of pixels up by one row, to which another is added below. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_add_row(
    int8_t *words, int32_t pixels, int32_t channels,
    tfedge_depthwise_conv_2d_3x3_lanes_s8_source row) {
  for (int32_t pixel = 0; pixel < pixels; pixel++) {
    for (int32_t channel = 0; channel < channels; channel++) {
      int8_t *const word = words + pixel * TFEDGE_PATCH_COLUMN + channel * TFEDGE_PATCH_ROWS;
      memmove(word, word + 1, TFEDGE_PATCH_ROWS - 1);
      word[TFEDGE_PATCH_ROWS - 1] = row.values[pixel * row.step + channel];
    }
  }
}

/* The same by two rows. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_add_two_rows(
    int8_t *words, int32_t pixels, int32_t channels,
    tfedge_depthwise_conv_2d_3x3_lanes_s8_source row,
    tfedge_depthwise_conv_2d_3x3_lanes_s8_source next) {
  tfedge_depthwise_conv_2d_3x3_lanes_s8_add_row(words, pixels, channels, row);
  tfedge_depthwise_conv_2d_3x3_lanes_s8_add_row(words, pixels, channels, next);
}

/* Where a channel's first weight lies. */
#define TFEDGE_PATCH_ZEROS 5

/* What the loop over outputs needs to know. */
typedef struct tfedge_depthwise_conv_2d_3x3_lanes_s8_walk {
  const tfedge_depthwise_conv_2d_3x3_lanes_s8_params *params;
} tfedge_depthwise_conv_2d_3x3_lanes_s8_walk;

TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_start(
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_params *params,
    tfedge_depthwise_conv_2d_3x3_lanes_s8_walk *walk) {
  walk->params = params;
}

/* Two rows of outputs. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_rows(
    tfedge_depthwise_conv_2d_3x3_lanes_s8_walk *walk,
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_group *group, const int8_t *words, int8_t *output) {
  const int32_t width = walk->params->output_width;
  for (int32_t i = 0; i < 2 * width * group->channels; i++) {
    const int32_t channel = i % group->channels;
    const int32_t pixel = i / group->channels;
    const int8_t *const taps =
        words + pixel % width * TFEDGE_PATCH_COLUMN + channel * TFEDGE_PATCH_ROWS + pixel / width;
    const int8_t *const weights =
        group->weights + channel * TFEDGE_PATCH_WEIGHTS + TFEDGE_PATCH_ZEROS;
    const int32_t *const row = group->rows + channel * TFEDGE_PATCH_CONSTANTS;
    int32_t sum = row[0];
    for (int32_t tap = 0; tap < 9; tap++) {
      sum = tfedge_wrapping_add(sum, taps[tap / 3 * TFEDGE_PATCH_COLUMN + tap % 3] *
                                         weights[tap / 3 * TFEDGE_PATCH_ROWS + tap % 3]);
    }
    output[pixel * walk->params->channels + channel] = (int8_t)tfedge_clamp(
        tfedge_requantize(sum, row[1], row[2]) + walk->params->output_zero_point, INT8_MIN,
        INT8_MAX);
  }
}

#endif

/* A row of the input, or of zero points. */
TFEDGE_INLINE tfedge_depthwise_conv_2d_3x3_lanes_s8_source
tfedge_depthwise_conv_2d_3x3_lanes_s8_row(
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_params *params, const int8_t *input, int32_t y,
    const int8_t zeros[TFEDGE_LANES]) {
  tfedge_depthwise_conv_2d_3x3_lanes_s8_source row = {zeros, 0};
  if (y >= 0 && y < params->input_height) {
    row.values = input + y * params->input_width * params->channels;
    row.step = params->channels;
  }
  return row;
}

/* All outputs of a group of channels, the first of which `input` and `output` begin with. */
TFEDGE_INLINE void tfedge_depthwise_conv_2d_3x3_lanes_s8_channels(
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_params *params,
    tfedge_depthwise_conv_2d_3x3_lanes_s8_walk *walk,
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_group *group, const int8_t *input, int8_t *output,
    int8_t *words) {
  int8_t *const inside = words + params->pad_left * TFEDGE_PATCH_COLUMN;
  const int32_t last = params->output_height - 2;
  int32_t next = -params->pad_top; /* the input row to add next */
  int8_t zeros[TFEDGE_LANES];
  memset(zeros, (int)params->input_zero_point, sizeof zeros);
  for (int32_t done = 0; done < params->output_height; done += 2) {
    const int32_t y = done < last ? done : last; /* the last but one row may be computed twice */
    const int32_t end = y - params->pad_top + TFEDGE_PATCH_ROWS;
    for (; end - next >= 2; next += 2) {
      tfedge_depthwise_conv_2d_3x3_lanes_s8_add_two_rows(
          inside, params->input_width, group->channels,
          tfedge_depthwise_conv_2d_3x3_lanes_s8_row(params, input, next, zeros),
          tfedge_depthwise_conv_2d_3x3_lanes_s8_row(params, input, next + 1, zeros));
    }
    if (next < end) {
      tfedge_depthwise_conv_2d_3x3_lanes_s8_add_row(
          inside, params->input_width, group->channels,
          tfedge_depthwise_conv_2d_3x3_lanes_s8_row(params, input, next, zeros));
      next++;
    }
    tfedge_depthwise_conv_2d_3x3_lanes_s8_rows(
        walk, group, words, output + y * params->output_width * params->channels);
  }
}

TFEDGE_SHARED
void tfedge_depthwise_conv_2d_3x3_lanes_s8(
    const tfedge_depthwise_conv_2d_3x3_lanes_s8_params *params, const int8_t *input, int8_t *output,
    void *scratch) {
  tfedge_depthwise_conv_2d_3x3_lanes_s8_walk walk;
  tfedge_depthwise_conv_2d_3x3_lanes_s8_start(params, &walk);
  /* Columns beside the input remain so, and the first four rows replace all of the others. */
  tfedge_fill_lanes_s8((int8_t *)scratch, params->input_zero_point,
                       params->columns * TFEDGE_PATCH_COLUMN);
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t channel = 0; channel < params->channels; channel += TFEDGE_LANES) {
      const int32_t left = params->channels - channel;
      const tfedge_depthwise_conv_2d_3x3_lanes_s8_group group = {
          left < TFEDGE_LANES ? left : TFEDGE_LANES,
          params->weights + channel * TFEDGE_PATCH_WEIGHTS,
          params->rows + channel * TFEDGE_PATCH_CONSTANTS};
      tfedge_depthwise_conv_2d_3x3_lanes_s8_channels(params, &walk, &group, input + channel,
                                                     output + channel, (int8_t *)scratch);
    }
    input += params->input_height * params->input_width * params->channels;
    output += params->output_height * params->output_width * params->channels;
  }
}
