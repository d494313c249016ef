/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_average_pool_2d_lanes_s8.h"

#if TFEDGE_HAS_RVV

/* Sums of count channels over a window that begins at `corner`. */
TFEDGE_INLINE vint32m8_t tfedge_average_pool_2d_lanes_s8_sums(
    const tfedge_pool_2d_s8_params *params, const tfedge_pool_2d_s8_window *window,
    const int8_t *corner, size_t count) {
  vint32m8_t total = __riscv_vmv_v_x_i32m8(0, count);
  for (int32_t y = 0; y < window->height; y++) {
    const int8_t *pixel = corner + y * params->input_width * params->channels;
    for (int32_t x = 0; x < window->width; x++) {
      total = __riscv_vwadd_wv_i32m8(total, tfedge_group_s8(pixel, count), count);
      pixel += params->channels;
    }
  }
  return total;
}

TFEDGE_INLINE void tfedge_average_pool_2d_lanes_s8_pixel(const tfedge_pool_2d_s8_params *params,
                                                         const tfedge_pool_2d_s8_window *window,
                                                         int8_t *output) {
  const int32_t area = window->height * window->width;
  for (int32_t channel = 0; channel < params->channels; channel += TFEDGE_GROUP) {
    const size_t count = tfedge_group_length(params->channels - channel);
    vint32m8_t y =
        tfedge_average_pool_2d_lanes_s8_sums(params, window, window->corner + channel, count);
    y = __riscv_vadd_vx_i32m8(y, params->offset * area, count);
    const vint32m8_t sign = __riscv_vsra_vx_i32m8(y, 31, count);
    y = __riscv_vadd_vv_i32m8(y, __riscv_vxor_vx_i32m8(sign, area / 2, count), count);
    y = __riscv_vdiv_vx_i32m8(__riscv_vsub_vv_i32m8(y, sign, count), area, count);
    y = __riscv_vsub_vx_i32m8(y, params->offset, count);
    y = __riscv_vmax_vx_i32m8(y, params->output_min, count);
    y = __riscv_vmin_vx_i32m8(y, params->output_max, count);
    tfedge_store_group_s8(output + channel, y, count);
  }
}

#else

/* Sums of count <= 4 channels over a window that begins at `corner`. */
TFEDGE_INLINE void tfedge_average_pool_2d_lanes_s8_sums(const tfedge_pool_2d_s8_params *params,
                                                        const tfedge_pool_2d_s8_window *window,
                                                        const int8_t *corner, int32_t count,
                                                        int32_t sums[4]) {
#if TFEDGE_HAS_MVE
  const mve_pred16_t lanes = vctp32q((uint32_t)count);
  int32x4_t total = vdupq_n_s32(0);
  for (int32_t y = 0; y < window->height; y++) {
    const int8_t *pixel = corner + y * params->input_width * params->channels;
    for (int32_t x = 0; x < window->width; x++) {
      total = vaddq_s32(total, vldrbq_z_s32(pixel, lanes));
      pixel += params->channels;
    }
  }
  vstrwq_s32(sums, total);
#else
  for (int32_t channel = 0; channel < count; channel++) {
    sums[channel] = 0;
    for (int32_t y = 0; y < window->height; y++) {
      for (int32_t x = 0; x < window->width; x++) {
        sums[channel] += corner[(y * params->input_width + x) * params->channels + channel];
      }
    }
  }
#endif
}

TFEDGE_INLINE int8_t tfedge_average_pool_2d_lanes_s8_mean(const tfedge_pool_2d_s8_params *params,
                                                          int32_t sum, int32_t area) {
  const int32_t total = sum + params->offset * area;
  const int32_t mean = (total > 0 ? total + area / 2 : total - area / 2) / area;
  return (int8_t)tfedge_clamp(mean - params->offset, params->output_min, params->output_max);
}

TFEDGE_INLINE void tfedge_average_pool_2d_lanes_s8_pixel(const tfedge_pool_2d_s8_params *params,
                                                         const tfedge_pool_2d_s8_window *window,
                                                         int8_t *output) {
  const int32_t area = window->height * window->width;
  for (int32_t channel = 0; channel < params->channels; channel += 4) {
    const int32_t left = params->channels - channel;
    const int32_t count = left < 4 ? left : 4;
    int32_t sums[4];
    tfedge_average_pool_2d_lanes_s8_sums(params, window, window->corner + channel, count, sums);
    for (int32_t lane = 0; lane < count; lane++) {
      *output++ = tfedge_average_pool_2d_lanes_s8_mean(params, sums[lane], area);
    }
  }
}

#endif

TFEDGE_SHARED
void tfedge_average_pool_2d_lanes_s8(const tfedge_pool_2d_s8_params *params, const int8_t *input,
                                     int8_t *output) {
  for (int32_t batch = 0; batch < params->batches; batch++) {
    for (int32_t y = 0; y < params->output_height; y++) {
      for (int32_t x = 0; x < params->output_width; x++) {
        const tfedge_pool_2d_s8_window window = tfedge_pool_2d_s8_clip(params, input, y, x);
        tfedge_average_pool_2d_lanes_s8_pixel(params, &window, output);
        output += params->channels;
      }
    }
    input += params->input_height * params->input_width * params->channels;
  }
}
