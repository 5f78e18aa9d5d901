/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of products of one or two rows of weights with one or two columns of input: the innermost loop of
 * convolutions and of fully connected layers. `rows` and `columns` are constants where it is inlined, so that what
 * is not needed vanishes.
 */
#ifndef NN_DOT_H
#define NN_DOT_H

#include <stddef.h>
#include <stdint.h>

#include "target.h"

#if defined(NN_MVE)
#include <arm_mve.h>
#elif defined(NN_DSP)
#include "dsp.h"
#endif

/* Operands and sums[row][column] of one block. */
struct nn_block {
    const int8_t *w;    /* first row */
    ptrdiff_t row;      /* from there to the second */
    const int8_t *x;    /* first column */
    ptrdiff_t column;   /* from there to the second */
    int32_t sum00, sum01, sum10, sum11;
};

NN_INLINE void nn_dot_plain(struct nn_block *b, uint32_t depth, int rows, int columns)
{
    const int8_t *w = b->w, *x = b->x;
#if defined(NN_DSP) || defined(__XTENSA__)
#pragma GCC unroll 1 /* three at most are left; or too few registers */
#else
#pragma GCC unroll 4
#endif
    for (const int8_t *end = w + depth; w < end; w++, x++) {
        const int32_t x0 = x[0], x1 = columns > 1 ? x[b->column] : 0;
        const int32_t w0 = w[0], w1 = rows > 1 ? w[b->row] : 0;
        b->sum00 += w0 * x0;
        b->sum01 += w0 * x1;
        b->sum10 += w1 * x0;
        b->sum11 += w1 * x1;
    }
}

#if defined(NN_MVE)

/* Sixteen elements at once (VMLADAVA); lanes beyond the end are loaded as 0. Here for one row and column only. */
NN_INLINE void nn_dot(struct nn_block *b, uint32_t depth, int rows, int columns)
{
    (void)rows;
    (void)columns;
    const int8_t *w = b->w, *x = b->x;
    for (int32_t left = (int32_t)depth; left > 0; left -= 16, w += 16, x += 16) {
        const mve_pred16_t lanes = vctp8q((uint32_t)left);
        b->sum00 = vmladavaq_s8(b->sum00, vldrbq_z_s8(w, lanes), vldrbq_z_s8(x, lanes));
    }
}

/* The same for four rows. */
NN_INLINE void nn_dot4(const int8_t *w, const int8_t *x, uint32_t depth, const int32_t *bias, int32_t sums[4])
{
    int32_t sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
    for (int32_t left = (int32_t)depth; left > 0; left -= 16, w += 16, x += 16) {
        const mve_pred16_t lanes = vctp8q((uint32_t)left);
        const int8x16_t column = vldrbq_z_s8(x, lanes);
        sum0 = vmladavaq_s8(sum0, vldrbq_z_s8(w, lanes), column);
        sum1 = vmladavaq_s8(sum1, vldrbq_z_s8(w + depth, lanes), column);
        sum2 = vmladavaq_s8(sum2, vldrbq_z_s8(w + 2 * depth, lanes), column);
        sum3 = vmladavaq_s8(sum3, vldrbq_z_s8(w + 3 * depth, lanes), column);
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

#elif defined(NN_DSP)

/* Four elements at once: even and odd ones widened to halves (SXTB16), two products in one instruction (SMLAD). */
NN_INLINE void nn_dot(struct nn_block *b, uint32_t depth, int rows, int columns)
{
    for (const int8_t *end = b->w + (depth & ~3u); b->w < end; b->w += 4, b->x += 4) {
        const uint32_t x0 = nn_load4(b->x), x1 = columns > 1 ? nn_load4(b->x + b->column) : 0;
        const uint32_t even0 = nn_even(x0), odd0 = nn_odd(x0), even1 = nn_even(x1), odd1 = nn_odd(x1);
        uint32_t w = nn_load4(b->w), even = nn_even(w), odd = nn_odd(w);
        b->sum00 = nn_dual_multiply(odd, odd0, nn_dual_multiply(even, even0, b->sum00));
        if (columns > 1) {
            b->sum01 = nn_dual_multiply(odd, odd1, nn_dual_multiply(even, even1, b->sum01));
        }
        if (rows > 1) {
            w = nn_load4(b->w + b->row);
            even = nn_even(w);
            odd = nn_odd(w);
            b->sum10 = nn_dual_multiply(odd, odd0, nn_dual_multiply(even, even0, b->sum10));
            if (columns > 1) {
                b->sum11 = nn_dual_multiply(odd, odd1, nn_dual_multiply(even, even1, b->sum11));
            }
        }
    }
    nn_dot_plain(b, depth & 3u, rows, columns);
}

#else

NN_INLINE void nn_dot(struct nn_block *b, uint32_t depth, int rows, int columns)
{
    nn_dot_plain(b, depth, rows, columns);
}

#endif

#endif
