/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of products over the taps of a depthwise filter, for four neighbouring channels: its innermost loop. */
#ifndef NN_TAPS_H
#define NN_TAPS_H

#include <stddef.h>
#include <stdint.h>

#include "target.h"

#if defined(NN_MVE)
#include <arm_mve.h>

/* Four lanes of 32 bits. */
NN_INLINE void nn_sum_taps(const int8_t *input, const uint32_t *taps, const int8_t *weights, size_t stride,
                           uint32_t count, int32_t sums[4])
{
    int32x4_t sum = vldrwq_s32(sums);
    for (uint32_t i = 0; i < count; i++, weights += stride) {
        sum = vaddq_s32(sum, vmulq_s32(vldrbq_s32(input + taps[i]), vldrbq_s32(weights)));
    }
    vstrwq_s32(sums, sum);
}

#elif defined(NN_DSP)
#include "dsp.h"

/* Elements widened to halves (SXTB16), products of halves (SMLABB, SMLATT). */
NN_INLINE void nn_sum_taps(const int8_t *input, const uint32_t *taps, const int8_t *weights, size_t stride,
                           uint32_t count, int32_t sums[4])
{
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (uint32_t i = 0; i < count; i++, weights += stride) {
        const uint32_t x = nn_load4(input + taps[i]), w = nn_load4(weights);
        const uint32_t x_even = nn_even(x), x_odd = nn_odd(x), w_even = nn_even(w), w_odd = nn_odd(w);
        sum0 = nn_multiply_lower(x_even, w_even, sum0);
        sum1 = nn_multiply_lower(x_odd, w_odd, sum1);
        sum2 = nn_multiply_upper(x_even, w_even, sum2);
        sum3 = nn_multiply_upper(x_odd, w_odd, sum3);
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

#else

NN_INLINE void nn_sum_taps(const int8_t *input, const uint32_t *taps, const int8_t *weights, size_t stride,
                           uint32_t count, int32_t sums[4])
{
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (uint32_t i = 0; i < count; i++, weights += stride) {
        const int8_t *x = input + taps[i];
        sum0 += x[0] * weights[0];
        sum1 += x[1] * weights[1];
        sum2 += x[2] * weights[2];
        sum3 += x[3] * weights[3];
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

#endif

#endif
