/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TFEDGE_NO_CONTRACTION_H
#define TFEDGE_NO_CONTRACTION_H

/* For what includes this: no product and sum become one fused multiply-add, which rounds otherwise.
 * GCC makes them unless it is told -std=c99 or -ffp-contract=off, and many platforms compile with
 * its own dialects of C. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__) && !defined(__STRICT_ANSI__) && defined(__FP_FAST_FMAF)
#pragma GCC optimize("fp-contract=off")
#endif

#endif
