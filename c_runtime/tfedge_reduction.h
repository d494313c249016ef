/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_REDUCTION_H
#define TFEDGE_REDUCTION_H

#include "tfedge_platform.h"

/* The shape of a reduction: [kept0][reduced0][kept1][reduced1][kept2][reduced2][kept3] ->
 * [kept0][kept1][kept2][kept3]. Neighbouring axes that are all kept or all reduced are merged
 * beforehand; 1 where there is none. */
typedef struct tfedge_reduction {
  int32_t kept[4];
  int32_t reduced[3];
} tfedge_reduction;

/* Takes element `index` of the input into a running result. */
typedef int32_t (*tfedge_fold)(const void *params, int32_t result, const void *input,
                               int32_t index);

/* Makes element `index` of the output of a running result. */
typedef void (*tfedge_finish)(const void *params, int32_t result, void *output, int32_t index);

/* The result of the values from element `start` on. */
TFEDGE_INLINE int32_t tfedge_reduction_result(const tfedge_reduction *shape, const void *params,
                                              int32_t first, tfedge_fold fold, const void *input,
                                              int32_t start) {
  const int32_t step2 = shape->kept[3];
  const int32_t step1 = shape->kept[2] * shape->reduced[2] * step2;
  const int32_t step0 = shape->kept[1] * shape->reduced[1] * step1;
  int32_t result = first;
  for (int32_t i = 0; i < shape->reduced[0]; i++) {
    for (int32_t j = 0; j < shape->reduced[1]; j++) {
      for (int32_t k = 0; k < shape->reduced[2]; k++) {
        result = fold(params, result, input, start + i * step0 + j * step1 + k * step2);
      }
    }
  }
  return result;
}

/* Folds each output element's values in the order of the input, from first on. The functions are
 * literals, so that they are inlined into the innermost loop. */
TFEDGE_INLINE void tfedge_reduction_run(const tfedge_reduction *shape, const void *params,
                                        int32_t first, tfedge_fold fold, tfedge_finish finish,
                                        const void *input, void *output) {
  const int32_t row2 = shape->reduced[2] * shape->kept[3];
  const int32_t row1 = shape->reduced[1] * shape->kept[2] * row2;
  const int32_t row0 = shape->reduced[0] * shape->kept[1] * row1;
  int32_t index = 0;
  for (int32_t i = 0; i < shape->kept[0]; i++) {
    for (int32_t j = 0; j < shape->kept[1]; j++) {
      for (int32_t k = 0; k < shape->kept[2]; k++) {
        for (int32_t l = 0; l < shape->kept[3]; l++) {
          const int32_t start = i * row0 + j * row1 + k * row2 + l;
          finish(params, tfedge_reduction_result(shape, params, first, fold, input, start), output,
                 index);
          index++;
        }
      }
    }
  }
}

#endif
