/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_add_lanes_s8.h"

TFEDGE_SHARED
void tfedge_add_lanes_s8(const tfedge_add_lanes_s8_params *params, const int8_t *a, const int8_t *b,
                         int8_t *output) {
#if TFEDGE_HAS_MVE
  __asm__ volatile(
      "  dlstp.32 lr, %[count]\n"
      "1:\n"
      "  vldrb.s32 q0, [%[a]], #4\n"
      "  vldrb.s32 q1, [%[b]], #4\n"
      "  vmlas.s32 q0, %q[a_factor], %[constant]\n"
      "  vmla.s32 q0, q1, %[b_factor]\n"
      "  vshl.s32 q0, %[left]\n"
      "  vmax.s32 q0, q0, %q[min]\n"
      "  vmin.s32 q0, q0, %q[max]\n"
      "  vstrb.32 q0, [%[output]], #4\n"
      "  letp lr, 1b\n"
      : [a] "+l"(a), [b] "+l"(b), [output] "+l"(output)
      : [count] "r"(params->count), [constant] "r"(params->constant),
        [b_factor] "r"(params->b_factor), [left] "r"(-params->shift),
        [a_factor] "w"(vdupq_n_s32(params->a_factor)), [min] "w"(vdupq_n_s32(params->output_min)),
        [max] "w"(vdupq_n_s32(params->output_max))
      : "q0", "q1", "lr", "memory");
#elif TFEDGE_HAS_RVV
  size_t left = (size_t)params->count;
  while (left > 0u) {
    const size_t count = __riscv_vsetvl_e32m8(left);
    const vint32m8_t x = __riscv_vsext_vf4_i32m8(__riscv_vle8_v_i8m2(a, count), count);
    const vint32m8_t y = __riscv_vsext_vf4_i32m8(__riscv_vle8_v_i8m2(b, count), count);
    vint32m8_t sum = __riscv_vmul_vx_i32m8(x, params->a_factor, count);
    sum = __riscv_vmacc_vx_i32m8(sum, params->b_factor, y, count);
    sum = __riscv_vadd_vx_i32m8(sum, params->constant, count);
    sum = __riscv_vsra_vx_i32m8(sum, (size_t)params->shift, count);
    sum = __riscv_vmax_vx_i32m8(sum, params->output_min, count);
    sum = __riscv_vmin_vx_i32m8(sum, params->output_max, count);
    tfedge_store_group_s8(output, sum, count);
    a += count;
    b += count;
    output += count;
    left -= count;
  }
#else
  for (int32_t i = 0; i < params->count; i++) {
    const int32_t sum = params->constant + a[i] * params->a_factor + b[i] * params->b_factor;
    output[i] = (int8_t)tfedge_clamp(sum >> params->shift, params->output_min, params->output_max);
  }
#endif
}
