/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_matmul_channels_s8.h"

/* The pixels that are computed together. */
typedef struct tfedge_matmul_channels_s8_pixels {
  const int8_t *from[TFEDGE_MANY_PIXELS];
  int8_t *to[TFEDGE_MANY_PIXELS];
  int32_t count;
} tfedge_matmul_channels_s8_pixels;

#if TFEDGE_HAS_RVV

/* What the products of a group of channels walk through. */
typedef struct tfedge_matmul_channels_s8_walk {
  const int8_t *weights; /* of the next depth */
  size_t length;         /* channels */
  const int8_t *a;       /* pixels */
  const int8_t *b;
  const int8_t *c;
  const int8_t *d;
  const int8_t *e;
  const int8_t *f;
} tfedge_matmul_channels_s8_walk;

/* Adds the products of value k of three pixels. */
TFEDGE_INLINE void tfedge_matmul_channels_s8_add(tfedge_matmul_channels_s8_walk *walk, int32_t k,
                                                 vint32m8_t *a, vint32m8_t *b, vint32m8_t *c) {
  const size_t length = walk->length;
  const vint16m4_t weights = tfedge_group_s8(walk->weights, length);
  *a = __riscv_vwmacc_vx_i32m8(*a, walk->a[k], weights, length);
  *b = __riscv_vwmacc_vx_i32m8(*b, walk->b[k], weights, length);
  *c = __riscv_vwmacc_vx_i32m8(*c, walk->c[k], weights, length);
  walk->weights += length;
}

/* Sums of a group of channels of three pixels. */
TFEDGE_INLINE void tfedge_matmul_channels_s8_few(tfedge_matmul_channels_s8_walk *walk,
                                                 int32_t depth, const int32_t *bias, int32_t *sums,
                                                 int32_t channels) {
  vint32m8_t a = __riscv_vle32_v_i32m8(bias, walk->length);
  vint32m8_t b = a;
  vint32m8_t c = a;
  for (; depth >= 4; depth -= 4) {
    for (int32_t k = 0; k < 4; k++) {
      tfedge_matmul_channels_s8_add(walk, k, &a, &b, &c);
    }
    walk->a += 4;
    walk->b += 4;
    walk->c += 4;
  }
  for (int32_t k = 0; k < depth; k++) {
    tfedge_matmul_channels_s8_add(walk, k, &a, &b, &c);
  }
  __riscv_vse32_v_i32m8(sums, a, walk->length);
  __riscv_vse32_v_i32m8(sums + channels, b, walk->length);
  __riscv_vse32_v_i32m8(sums + 2 * channels, c, walk->length);
}

/* Adds the products of value k of six pixels. */
TFEDGE_INLINE void tfedge_matmul_channels_s8_add_many(tfedge_matmul_channels_s8_walk *walk,
                                                      int32_t k, vint32m4_t *a, vint32m4_t *b,
                                                      vint32m4_t *c, vint32m4_t *d, vint32m4_t *e,
                                                      vint32m4_t *f) {
  const size_t length = walk->length;
  const vint8m1_t bytes = __riscv_vle8_v_i8m1(walk->weights, length);
  const vint16m2_t weights = __riscv_vsext_vf2_i16m2(bytes, length);
  *a = __riscv_vwmacc_vx_i32m4(*a, walk->a[k], weights, length);
  *b = __riscv_vwmacc_vx_i32m4(*b, walk->b[k], weights, length);
  *c = __riscv_vwmacc_vx_i32m4(*c, walk->c[k], weights, length);
  *d = __riscv_vwmacc_vx_i32m4(*d, walk->d[k], weights, length);
  *e = __riscv_vwmacc_vx_i32m4(*e, walk->e[k], weights, length);
  *f = __riscv_vwmacc_vx_i32m4(*f, walk->f[k], weights, length);
  walk->weights += length;
}

/* Sums of half a group of channels, or fewer, of six pixels. */
TFEDGE_INLINE void tfedge_matmul_channels_s8_many(tfedge_matmul_channels_s8_walk *walk,
                                                  int32_t depth, const int32_t *bias,
                                                  int32_t *sums) {
  const size_t length = walk->length;
  vint32m4_t a = __riscv_vle32_v_i32m4(bias, length);
  vint32m4_t b = a;
  vint32m4_t c = a;
  vint32m4_t d = a;
  vint32m4_t e = a;
  vint32m4_t f = a;
  for (; depth >= 4; depth -= 4) {
    for (int32_t k = 0; k < 4; k++) {
      tfedge_matmul_channels_s8_add_many(walk, k, &a, &b, &c, &d, &e, &f);
    }
    walk->a += 4;
    walk->b += 4;
    walk->c += 4;
    walk->d += 4;
    walk->e += 4;
    walk->f += 4;
  }
  for (int32_t k = 0; k < depth; k++) {
    tfedge_matmul_channels_s8_add_many(walk, k, &a, &b, &c, &d, &e, &f);
  }
  __riscv_vse32_v_i32m4(sums, a, length);
  __riscv_vse32_v_i32m4(sums + length, b, length);
  __riscv_vse32_v_i32m4(sums + 2u * length, c, length);
  __riscv_vse32_v_i32m4(sums + 3u * length, d, length);
  __riscv_vse32_v_i32m4(sums + 4u * length, e, length);
  __riscv_vse32_v_i32m4(sums + 5u * length, f, length);
}

TFEDGE_INLINE void tfedge_matmul_channels_s8_sums(const tfedge_matmul_channels_s8_params *params,
                                                  const tfedge_matmul_channels_s8_pixels *pixels,
                                                  int32_t *sums) {
  const int8_t *const *const from = pixels->from;
  const int32_t channels = params->channels;
  tfedge_matmul_channels_s8_walk walk;
  walk.weights = params->weights;
  for (int32_t channel = 0; channel < channels; channel += TFEDGE_GROUP) {
    walk.length = tfedge_group_length(channels - channel);
    walk.a = from[0];
    walk.b = from[1];
    walk.c = from[2];
    if (pixels->count == TFEDGE_MANY_PIXELS) {
      walk.d = from[3];
      walk.e = from[4];
      walk.f = from[5];
      tfedge_matmul_channels_s8_many(&walk, params->depth, params->bias, sums);
    } else {
      tfedge_matmul_channels_s8_few(&walk, params->depth, params->bias + channel, sums + channel,
                                    channels);
    }
  }
}

TFEDGE_INLINE void tfedge_matmul_channels_s8_outputs(const tfedge_matmul_channels_s8_params *params,
                                                     const int32_t *sums, int8_t *to) {
  for (int32_t channel = 0; channel < params->channels; channel += TFEDGE_GROUP) {
    const size_t length = tfedge_group_length(params->channels - channel);
    const vint32m8_t group = __riscv_vle32_v_i32m8(sums + channel, length);
    const vint8m2_t bytes =
        tfedge_requantize_group(group, &params->scales, channel, &params->output, length);
    __riscv_vse8_v_i8m2(to + channel, bytes, length);
  }
}

#else

TFEDGE_INLINE void tfedge_matmul_channels_s8_sums(const tfedge_matmul_channels_s8_params *params,
                                                  const tfedge_matmul_channels_s8_pixels *pixels,
                                                  int32_t *sums) {
  for (int32_t channel = 0; channel < params->channels; channel++) {
    const int32_t lane = channel % TFEDGE_GROUP;
    const int32_t first = channel - lane;
    const int32_t count = tfedge_group_size(params->channels - first);
    const int8_t *const weights = params->weights + first * params->depth + lane;
    for (int32_t pixel = 0; pixel < pixels->count; pixel++) {
      const int8_t *const from = pixels->from[pixel];
      int32_t sum = params->bias[channel];
      for (int32_t k = 0; k < params->depth; k++) {
        sum = tfedge_wrapping_add(sum, from[k] * weights[k * count]);
      }
      sums[pixel * params->channels + channel] = sum;
    }
  }
}

TFEDGE_INLINE void tfedge_matmul_channels_s8_outputs(const tfedge_matmul_channels_s8_params *params,
                                                     const int32_t *sums, int8_t *to) {
  for (int32_t channel = 0; channel < params->channels; channel++) {
    to[channel] =
        tfedge_requantize_channel(sums[channel], &params->scales, channel, &params->output);
  }
}

#endif

TFEDGE_SHARED
void tfedge_matmul_channels_s8(const tfedge_matmul_channels_s8_params *params, const int8_t *pixels,
                               int32_t count, int32_t pixel_step, int8_t *output,
                               int32_t output_step, int32_t *sums) {
  const tfedge_matmul_channels_s8_params local = *params; /* writes of bytes cannot change a copy */
  const int32_t most = tfedge_matmul_channels_s8_together(local.channels);
  tfedge_matmul_channels_s8_pixels together;
  for (int32_t left = count; left > 0; left -= together.count) {
    const int32_t last = left - 1; /* is computed again in place of those that are not there */
    together.count = left > TFEDGE_FEW_PIXELS ? most : TFEDGE_FEW_PIXELS;
    for (int32_t pixel = 0; pixel < together.count; pixel++) {
      together.from[pixel] = pixels;
      together.to[pixel] = output;
      pixels += pixel < last ? pixel_step : 0;
      output += pixel < last ? output_step : 0;
    }
    tfedge_matmul_channels_s8_sums(&local, &together, sums);
    for (int32_t pixel = 0; pixel < together.count; pixel++) {
      tfedge_matmul_channels_s8_outputs(&local, sums + pixel * local.channels, together.to[pixel]);
    }
  }
}
