/* SPDX-License-Identifier: Apache-2.0 */
/* From sums of products to int8 elements of the output. */
#ifndef NN_STORE_H
#define NN_STORE_H

#include <stdint.h>

#include "layers.h"
#include "target.h"

#if defined(NN_MVE)
#include <arm_mve.h>
#endif

static inline int8_t nn_store(const struct nn_matrix *matrix, uint32_t row, int32_t sum)
{
    const struct nn_scale *scale = &matrix->scales[row * matrix->scale_step];
    const int32_t scaled = matrix->round_once ? nn_requantize_once(sum, scale) : nn_requantize(sum, scale);
    return (int8_t)nn_clamp(scaled + matrix->zero_point, matrix->minimum, matrix->maximum);
}

/* Four neighbouring rows at once. */
static inline void nn_store4(const struct nn_matrix *matrix, uint32_t row, const int32_t sums[4], int8_t *output)
{
#if defined(NN_MVE)
    if (!matrix->round_once) { /* nn_requantize in four lanes */
        const struct nn_scale *first = &matrix->scales[row * matrix->scale_step];
        int32x4x2_t scale;
        if (matrix->scale_step) {
            scale = vld2q_s32(&first->multiplier);
        } else {
            scale.val[0] = vdupq_n_s32(first->multiplier);
            scale.val[1] = vdupq_n_s32(first->shift);
        }
        const int32x4_t zero = vdupq_n_s32(0), right = vminq_s32(scale.val[1], zero);
        int32x4_t x = vshlq_s32(vldrwq_s32(sums), vmaxq_s32(scale.val[1], zero));
        x = vqrdmulhq_s32(x, scale.val[0]);
        x = vaddq_s32(x, vshrq_n_s32(vandq_s32(x, right), 31)); /* negative halves away from zero, if shifted */
        x = vaddq_n_s32(vrshlq_s32(x, right), matrix->zero_point);
        x = vminq_s32(vmaxq_s32(x, vdupq_n_s32(matrix->minimum)), vdupq_n_s32(matrix->maximum));
        vstrbq_s32(output + row, x);
        return;
    }
#endif
    for (uint32_t i = 0; i < 4; i++) {
        output[row + i] = nn_store(matrix, row + i, sums[i]);
    }
}

#endif
