/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_depthwise_conv_2d_planes_s8.h"

#include "tfedge_two_sums.h"

/* A part of one channel's outputs. Pairs are words of two values of a column, the upper one in the
 * lower half; steps are in bytes. */
typedef struct channel_part {
  const uint32_t *pairs; /* what the first window sees of the kernel's rows 0 and 1 */
  int32_t pair_step;     /* from there to the next pair of rows of the input */
  int8_t *output;
  int32_t pixel_step;
  int32_t row_step;
  int32_t width;      /* of the outputs */
  int32_t turns;      /* how many rows of outputs, or twos of rows */
  const int32_t *row; /* the channel's constants */
  int32_t exact;
} channel_part;

#if TFEDGE_HAS_DSP

/* clang-format off */

/* Every register is in use, which no compiler can be relied on to manage: these functions are
 * naked, and the same at every level of optimisation. r0: pairs; r1: output; r2 to r4: weights of
 * the kernel's rows 0 and 1; r5 to r7: of its rows 1 and 2. On the stack: */
#define PAIRS "0"       /* where a turn begins */
#define OUTPUT "4"      /* where its outputs go */
#define LEFT "8"        /* turns that are left */
#define BELOW "12"      /* from the pairs that a block has read above to those below */
#define PIXEL_STEP "16" /* and row_step */
#define ROW_STEP "20"
#define END "24" /* where whole blocks of a turn end */
#define ODD "28" /* 1: one column of outputs is left there */
#define PAIR_STEP "32"
#define BIAS "36"
#define MULTIPLIER "40" /* and addend */
#define SHIFT "48"      /* 0: tfedge_requantize_by_steps */
#define WEIGHTS "52"    /* the first two once more */
#define FRAME "60"

/* Reads a channel_part. A block has two columns of outputs, and takes 2^block_shift bytes of pairs,
 * which are block_bytes. */
#define ENTER(block_shift, block_bytes)     \
  "push {r4-r11, lr}\n"                     \
  "sub sp, sp, #" FRAME "\n"                \
  "ldm r0!, {r1, r2, r3, r4, r5, r6, r7}\n" \
  "str r1, [sp, #" PAIRS "]\n"              \
  "str r3, [sp, #" OUTPUT "]\n"             \
  "str r7, [sp, #" LEFT "]\n"               \
  "str r2, [sp, #" PAIR_STEP "]\n"          \
  "sub r2, r2, #" block_bytes "\n"          \
  "str r2, [sp, #" BELOW "]\n"              \
  "strd r4, r5, [sp, #" PIXEL_STEP "]\n"    \
  "and r8, r6, #1\n"                        \
  "str r8, [sp, #" ODD "]\n"                \
  "lsr r6, r6, #1\n"                        \
  "add r8, r1, r6, lsl #" block_shift "\n"  \
  "str r8, [sp, #" END "]\n"                \
  "ldm r0, {r12, lr}\n"                     \
  "mov r0, r1\n"                            \
  "mov r1, r3\n"                            \
  "ldm r12!, {r9, r10, r11}\n"              \
  "sxtb16 r2, r9\n"                         \
  "sxtb16 r3, r9, ror #8\n"                 \
  "sxtb16 r4, r10\n"                        \
  "sxtb16 r5, r10, ror #8\n"                \
  "sxtb16 r6, r11\n"                        \
  "sxtb16 r7, r11, ror #8\n"                \
  "strd r2, r3, [sp, #" WEIGHTS "]\n"       \
  "ldm r12!, {r8, r9, r10}\n"               \
  "str r8, [sp, #" BIAS "]\n"               \
  "strd r9, r10, [sp, #" MULTIPLIER "]\n"   \
  "mov r9, #0\n"                            \
  "cmp lr, #0\n"                            \
  "it ne\n"                                 \
  "ldrne r9, [r12]\n"                       \
  "str r9, [sp, #" SHIFT "]\n"

/* Goes to the next turn, from label 1 on, or back to the caller; a turn has 2^rows_shift rows. */
#define NEXT_TURN(rows_shift)              \
  "ldr r0, [sp, #" PAIRS "]\n"             \
  "ldr r12, [sp, #" PAIR_STEP "]\n"        \
  "ldr lr, [sp, #" END "]\n"               \
  "add r0, r0, r12\n"                      \
  "add lr, lr, r12\n"                      \
  "str r0, [sp, #" PAIRS "]\n"             \
  "str lr, [sp, #" END "]\n"               \
  "ldr r1, [sp, #" OUTPUT "]\n"            \
  "ldr r12, [sp, #" ROW_STEP "]\n"         \
  "add r1, r1, r12, lsl #" rows_shift "\n" \
  "str r1, [sp, #" OUTPUT "]\n"            \
  "ldr lr, [sp, #" LEFT "]\n"              \
  "subs lr, lr, #1\n"                      \
  "str lr, [sp, #" LEFT "]\n"              \
  "bne.w 1b\n"                             \
  "add sp, sp, #" FRAME "\n"               \
  "pop {r4-r11, pc}\n"

/* Adds a pair of the kernel's rows 0 and 1, or of its rows 1 and 2, to a window's sum; LOWER and
 * UPPER add to that of the window one row below. */
#define BOTH(sum, pair, weights) "smlad " sum ", " pair ", " weights ", " sum "\n"
#define UPPER(sum, pair, weights) "smlabt " sum ", " pair ", " weights ", " sum "\n"
#define LOWER(sum, pair, weights) "smlatb " sum ", " pair ", " weights ", " sum "\n"
#define ABOVE(sum, sum_below, pair, weights) \
  BOTH(sum, pair, weights) LOWER(sum_below, pair, weights)
#define BENEATH(sum, sum_below, pair, weights) \
  UPPER(sum, pair, weights) BOTH(sum_below, pair, weights)

#define EXACT(sum, multiplier, addend)          \
  "lsl lr, " sum ", #1\n"                       \
  "smmlar lr, lr, " multiplier ", " addend "\n" \
  "add lr, lr, " sum ", asr #31\n"              \
  "asr lr, lr, r12\n"                           \
  "ssat " sum ", #8, lr\n"
#define BY_STEPS(sum, multiplier, addend)                \
  "smmla " sum ", " sum ", " multiplier ", " addend "\n" \
  "ssat " sum ", #8, " sum ", asr #1\n"

/* Turns of two rows of outputs with a stride of 1. r8, r9: sums of the upper row, r10, r11: of the
 * lower one, which is stored first, so that with a row_step of 0 the upper one remains. */
static TFEDGE_ASSEMBLY void rows_in_twos(const channel_part *part __attribute__((unused))) {
  __asm__ volatile(
      ENTER("3", "8")
      "1: ldr lr, [sp, #" END "]\n"
      "cmp r0, lr\n"
      "beq 6f\n"

      "2: ldr r8, [sp, #" BIAS "]\n"
      "mov r9, r8\n"
      "mov r10, r8\n"
      "mov r11, r8\n"
      "ldrd r12, lr, [r0], #8\n"
      ABOVE("r8", "r10", "r12", "r2") ABOVE("r8", "r10", "lr", "r3")
      ABOVE("r9", "r11", "lr", "r2")
      "ldrd r12, lr, [r0]\n"
      ABOVE("r8", "r10", "r12", "r4") ABOVE("r9", "r11", "r12", "r3")
      ABOVE("r9", "r11", "lr", "r4")
      "ldr lr, [sp, #" BELOW "]\n"
      "add lr, r0, lr\n"
      "ldr r12, [lr]\n"
      BENEATH("r8", "r10", "r12", "r5")
      "ldr r12, [lr, #4]\n"
      BENEATH("r8", "r10", "r12", "r6") BENEATH("r9", "r11", "r12", "r5")
      "ldrd r12, lr, [lr, #8]\n"
      BENEATH("r8", "r10", "r12", "r7") BENEATH("r9", "r11", "r12", "r6")
      BENEATH("r9", "r11", "lr", "r7")
      "ldr r12, [sp, #" SHIFT "]\n"
      "ldrd r2, r3, [sp, #" MULTIPLIER "]\n"
      "cmp r12, #0\n"
      "beq 3f\n"
      EXACT("r8", "r2", "r3") EXACT("r9", "r2", "r3")
      EXACT("r10", "r2", "r3") EXACT("r11", "r2", "r3")
      "b 4f\n"
      "3:\n"
      BY_STEPS("r8", "r2", "r3") BY_STEPS("r9", "r2", "r3")
      BY_STEPS("r10", "r2", "r3") BY_STEPS("r11", "r2", "r3")
      "4: ldrd r2, r3, [sp, #" WEIGHTS "]\n"
      "ldrd r12, lr, [sp, #" PIXEL_STEP "]\n"
      "strb r10, [r1, lr]\n"
      "strb r8, [r1]\n"
      "add r1, r1, r12\n"
      "strb r11, [r1, lr]\n"
      "strb r9, [r1]\n"
      "add r1, r1, r12\n"
      "ldr r8, [sp, #" END "]\n"
      "cmp r0, r8\n"
      "bne.w 2b\n"

      "6: ldr r12, [sp, #" ODD "]\n"
      "cmp r12, #0\n"
      "beq 9f\n"
      "ldr r8, [sp, #" BIAS "]\n"
      "mov r10, r8\n"
      "ldrd r12, lr, [r0]\n"
      ABOVE("r8", "r10", "r12", "r2") ABOVE("r8", "r10", "lr", "r3")
      "ldr r12, [r0, #8]\n"
      ABOVE("r8", "r10", "r12", "r4")
      "ldr lr, [sp, #" PAIR_STEP "]\n"
      "add r0, r0, lr\n"
      "ldrd r12, lr, [r0]\n"
      BENEATH("r8", "r10", "r12", "r5") BENEATH("r8", "r10", "lr", "r6")
      "ldr r12, [r0, #8]\n"
      BENEATH("r8", "r10", "r12", "r7")
      "ldr r12, [sp, #" SHIFT "]\n"
      "ldrd r9, r11, [sp, #" MULTIPLIER "]\n"
      "cmp r12, #0\n"
      "beq 7f\n"
      EXACT("r8", "r9", "r11") EXACT("r10", "r9", "r11")
      "b 8f\n"
      "7:\n"
      BY_STEPS("r8", "r9", "r11") BY_STEPS("r10", "r9", "r11")
      "8: ldr lr, [sp, #" ROW_STEP "]\n"
      "strb r10, [r1, lr]\n"
      "strb r8, [r1]\n"
      "9:\n"
      NEXT_TURN("1"));
}

/* Turns of one row of outputs with a stride of 2. r8, r9: sums. */
static TFEDGE_ASSEMBLY void rows_at_two(const channel_part *part __attribute__((unused))) {
  __asm__ volatile(
      ENTER("4", "16")
      "1: ldr lr, [sp, #" END "]\n"
      "cmp r0, lr\n"
      "beq 6f\n"

      "2: ldr r8, [sp, #" BIAS "]\n"
      "mov r9, r8\n"
      "ldrd r10, r11, [r0], #8\n"
      BOTH("r8", "r10", "r2") BOTH("r8", "r11", "r3")
      "ldrd r10, r11, [r0], #8\n"
      BOTH("r8", "r10", "r4") BOTH("r9", "r10", "r2") BOTH("r9", "r11", "r3")
      "ldr r12, [r0]\n"
      BOTH("r9", "r12", "r4")
      "ldr lr, [sp, #" BELOW "]\n"
      "add lr, r0, lr\n"
      "ldrd r10, r11, [lr]\n"
      UPPER("r8", "r10", "r5") UPPER("r8", "r11", "r6")
      "ldrd r10, r11, [lr, #8]\n"
      UPPER("r8", "r10", "r7") UPPER("r9", "r10", "r5") UPPER("r9", "r11", "r6")
      "ldr r12, [lr, #16]\n"
      UPPER("r9", "r12", "r7")
      "ldr r12, [sp, #" SHIFT "]\n"
      "ldrd r10, r11, [sp, #" MULTIPLIER "]\n"
      "cmp r12, #0\n"
      "beq 3f\n"
      EXACT("r8", "r10", "r11") EXACT("r9", "r10", "r11")
      "b 4f\n"
      "3:\n"
      BY_STEPS("r8", "r10", "r11") BY_STEPS("r9", "r10", "r11")
      "4: ldr r12, [sp, #" PIXEL_STEP "]\n"
      "ldr lr, [sp, #" END "]\n"
      "strb r8, [r1]\n"
      "strb r9, [r1, r12]\n"
      "add r1, r1, r12, lsl #1\n"
      "cmp r0, lr\n"
      "bne.w 2b\n"

      "6: ldr r12, [sp, #" ODD "]\n"
      "cmp r12, #0\n"
      "beq 9f\n"
      "ldr r8, [sp, #" BIAS "]\n"
      "ldrd r10, r11, [r0]\n"
      "ldr r12, [r0, #8]\n"
      BOTH("r8", "r10", "r2") BOTH("r8", "r11", "r3") BOTH("r8", "r12", "r4")
      "ldr lr, [sp, #" PAIR_STEP "]\n"
      "add r0, r0, lr\n"
      "ldrd r10, r11, [r0]\n"
      "ldr r12, [r0, #8]\n"
      UPPER("r8", "r10", "r5") UPPER("r8", "r11", "r6") UPPER("r8", "r12", "r7")
      "ldr r12, [sp, #" SHIFT "]\n"
      "ldrd r10, r11, [sp, #" MULTIPLIER "]\n"
      "cmp r12, #0\n"
      "beq 7f\n"
      EXACT("r8", "r10", "r11")
      "b 8f\n"
      "7:\n"
      BY_STEPS("r8", "r10", "r11")
      "8: strb r8, [r1]\n"
      "9:\n"
      NEXT_TURN("0"));
}

/* clang-format on */

TFEDGE_INLINE uint32_t pair_of(int32_t upper, int32_t lower) {
  return ((uint32_t)upper & 0xffffu) | (uint32_t)lower << 16;
}

/* A pixel's four channels of two rows, to the planes. */
TFEDGE_INLINE void spread_pixel(uint32_t *const planes[4], int32_t x, const int8_t *upper,
                                const int8_t *lower) {
  const uint32_t a = tfedge_load_four(upper);
  const uint32_t b = tfedge_load_four(lower);
  uint32_t a_half = tfedge_even_bytes(a);
  uint32_t b_half = tfedge_even_bytes(b);
  planes[0][x] = tfedge_low_halves(a_half, b_half);
  planes[2][x] = tfedge_high_halves(a_half, b_half);
  a_half = tfedge_odd_bytes(a);
  b_half = tfedge_odd_bytes(b);
  planes[1][x] = tfedge_low_halves(a_half, b_half);
  planes[3][x] = tfedge_high_halves(a_half, b_half);
}

#else

/* The same for every other processor, where a pair is a number, upper + lower * 2^16: multiplied
 * with one weight it has the products of two outputs. */

TFEDGE_INLINE uint32_t pair_of(int32_t upper, int32_t lower) {
  return (uint32_t)upper + ((uint32_t)lower << 16);
}

TFEDGE_INLINE int32_t upper_of(uint32_t pair) {
  return (int16_t)(uint16_t)pair;
}

TFEDGE_INLINE int32_t lower_of(uint32_t pair) {
  return (int32_t)(pair + 0x8000u) >> 16;
}

/* The weights of a channel, which row has in three words. */
static void take_weights(const int32_t *row, uint32_t weights[9]) {
  static const uint8_t bytes[9] = {0, 1, 4, 2, 3, 6, 7, 10, 11};
  for (int32_t tap = 0; tap < 9; tap++) {
    const uint32_t word = (uint32_t)row[bytes[tap] / 4];
    weights[tap] = (uint32_t)(int8_t)(uint8_t)(word >> (8 * (bytes[tap] % 4)));
  }
}

static int8_t requantized_sum(const channel_part *part, int32_t products) {
  const int32_t *const row = part->row;
  const int32_t sum = row[3] + products;
  return (int8_t)(part->exact ? tfedge_requantize_exactly(sum, row[4], row[5], row[6])
                              : tfedge_requantize_by_steps(sum, row[4], row[5]));
}

/* Two rows of outputs: windows begin with a pair, and one row below. */
static void rows_in_twos(const channel_part *part) {
  uint32_t weights[9];
  take_weights(part->row, weights);
  for (int32_t turn = 0; turn < part->turns; turn++) {
    const uint32_t *upper = part->pairs + turn * part->pair_step / 4;
    const uint32_t *lower = upper + part->pair_step / 4;
    int8_t *output = part->output + 2 * turn * part->row_step;
    for (int32_t x = 0; x < part->width; x++) {
      tfedge_two_sums sums = tfedge_two_sums_start(5);
      for (int32_t column = 0; column < 3; column++) {
        const uint32_t between = pair_of(lower_of(upper[column]), upper_of(lower[column]));
        tfedge_add_two_products(&sums, upper[column], weights[column], between,
                                weights[3 + column]);
      }
      tfedge_add_two_products(&sums, lower[0], weights[6], lower[1], weights[7]);
      tfedge_add_two_products(&sums, lower[2], weights[8], 0, 0);
      output[part->row_step] = requantized_sum(part, sums.second);
      output[0] = requantized_sum(part, tfedge_first_sum(&sums));
      output += part->pixel_step;
      upper++;
      lower++;
    }
  }
}

/* One row of outputs, two rows apart. */
static void rows_at_two(const channel_part *part) {
  uint32_t weights[9];
  take_weights(part->row, weights);
  for (int32_t turn = 0; turn < part->turns; turn++) {
    const uint32_t *upper = part->pairs + turn * part->pair_step / 4;
    const uint32_t *lower = upper + part->pair_step / 4;
    int8_t *output = part->output + turn * part->row_step;
    for (int32_t x = 0; x < part->width; x++) {
      uint32_t sum = 0; /* modulo 2^32 */
      for (int32_t column = 0; column < 3; column++) {
        sum += (uint32_t)upper_of(upper[column]) * weights[column];
        sum += (uint32_t)lower_of(upper[column]) * weights[3 + column];
        sum += (uint32_t)upper_of(lower[column]) * weights[6 + column];
      }
      output[0] = requantized_sum(part, (int32_t)sum);
      output += part->pixel_step;
      upper += 2;
      lower += 2;
    }
  }
}

TFEDGE_INLINE void spread_pixel(uint32_t *const planes[4], int32_t x, const int8_t *upper,
                                const int8_t *lower) {
  for (int32_t channel = 0; channel < 4; channel++) {
    planes[channel][x] = pair_of(upper[channel], lower[channel]);
  }
}

#endif

/* Puts a pair of rows of the input into the planes, from the column behind the padding on; what
 * lies above or below the input is padding. */
TFEDGE_KEEP_ORDER
static void spread_rows(const tfedge_depthwise_conv_2d_planes_s8_params *params,
                        const int8_t *input, int32_t row, uint32_t *planes) {
  const int8_t zero = (int8_t)params->input_zero_point;
  const int8_t outside[4] = {zero, zero, zero, zero};
  const int32_t width = params->plane_width;
  const int32_t row_bytes = params->input_width * params->channels;
  const int32_t room = width - params->pad_left;
  const int32_t count = params->input_width < room ? params->input_width : room;
  const int32_t has_upper = row >= 0 && row < params->input_height;
  const int32_t has_lower = row + 1 >= 0 && row + 1 < params->input_height;
  const int8_t *upper = has_upper ? input + row * row_bytes : outside;
  const int8_t *lower = has_lower ? input + (row + 1) * row_bytes : outside;
  const int32_t upper_step = has_upper ? params->channels : 0;
  const int32_t lower_step = has_lower ? params->channels : 0;
  uint32_t *const first = planes + params->pad_left;
  uint32_t *const to[4] = {first, first + width, first + 2 * width, first + 3 * width};
  for (int32_t x = 0; x < count; x++) {
    spread_pixel(to, x, upper, lower);
    upper += upper_step;
    lower += lower_step;
  }
}

/* `height` rows of a channel's outputs. */
static void rows_of_channel(channel_part *part, int32_t stride, int32_t height) {
  if (stride == 2) {
    part->turns = height;
    rows_at_two(part);
    return;
  }
  part->turns = height / 2;
  if (part->turns > 0) {
    rows_in_twos(part);
  }
  if (height % 2 != 0) { /* a second row would come to lie on the first */
    channel_part last = *part;
    last.pairs += part->turns * part->pair_step / 4;
    last.output += (height - 1) * part->row_step;
    last.row_step = 0;
    last.turns = 1;
    rows_in_twos(&last);
  }
}

/* Four channels of an image. */
static void four_channels(const tfedge_depthwise_conv_2d_planes_s8_params *params,
                          const int8_t *input, int8_t *output, const int32_t *rows,
                          uint32_t *planes) {
  const int32_t pair_words = 4 * params->plane_width;
  const int32_t row_words = params->exact ? 7 : 6;
  const int32_t rows_a_pair = 2 / params->stride;
  const int32_t most = params->stripe_pairs * rows_a_pair;
  channel_part part;
  part.pair_step = 4 * pair_words;
  part.pixel_step = params->channels;
  part.row_step = params->output_width * params->channels;
  part.width = params->output_width;
  part.exact = params->exact;
  int32_t row = -params->pad_top;
  spread_rows(params, input, row, planes);
  for (int32_t y = 0; y < params->output_height; y += most) {
    const int32_t left = params->output_height - y;
    const int32_t height = left < most ? left : most;
    const int32_t pairs = (height + rows_a_pair - 1) / rows_a_pair;
    for (int32_t pair = 1; pair <= pairs; pair++) {
      row += 2;
      spread_rows(params, input, row, planes + pair * pair_words);
    }
    for (int32_t i = 0; i < 4; i++) {
      part.pairs = planes + i * params->plane_width;
      part.output = output + y * part.row_step + i;
      part.row = rows + i * row_words;
      rows_of_channel(&part, params->stride, height);
    }
    /* The last pair is the next stripe's first. */
    for (int32_t i = 0; i < pair_words; i++) {
      planes[i] = planes[pairs * pair_words + i];
    }
  }
}

TFEDGE_SHARED
void tfedge_depthwise_conv_2d_planes_s8(const tfedge_depthwise_conv_2d_planes_s8_params *params,
                                        const int8_t *input, int8_t *output, void *scratch) {
  uint32_t *const planes = (uint32_t *)scratch;
  const int32_t words = (params->stripe_pairs + 1) * 4 * params->plane_width;
  const int32_t row_words = params->exact ? 7 : 6;
  const uint32_t zeros = pair_of(params->input_zero_point, params->input_zero_point);
  for (int32_t i = 0; i < words; i++) {
    planes[i] = zeros;
  }
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t c = 0; c < params->channels; c += 4) {
      four_channels(params, input + c, output + c, params->rows + c * row_words, planes);
    }
    input += params->input_height * params->input_width * params->channels;
    output += params->output_height * params->output_width * params->channels;
  }
}
