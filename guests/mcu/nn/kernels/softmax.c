/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SOFTMAX in fixed point, as LiteRT's reference: exponentials of the distance to the largest element (a table of the
 * converter), their sum as Q12.19, and its reciprocal by three steps of Newton and Raphson.
 */
#include <stddef.h>

#include "layers.h"

#define SUM_INTEGER_BITS 12
#define OUTPUT_BITS 8
#define OUTPUT_ZERO_POINT (-128)

static int32_t saturate(int64_t x)
{
    return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int32_t)x;
}

/* 1 / (1 + x) for x from 0 to 1, both Q0.31: gemmlowp's one_over_one_plus_x_for_x_in_0_1. */
static int32_t reciprocal(int32_t x)
{
    const int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2); /* (1 + x) / 2 */
    int32_t y = 1515870810 + nn_high_product(half, -1010580540);      /* 48/17 - 32/17 half, Q2.29 */
    for (int i = 0; i < 3; i++) {
        const int32_t error = (1 << 29) - nn_high_product(half, y);
        y += saturate((int64_t)nn_high_product(y, error) * 4);
    }
    return saturate((int64_t)y * 2);
}

static uint32_t distance(int32_t largest, int8_t element)
{
    return (uint32_t)(largest - element);
}

static void normalise(const struct nn_softmax *p, const int8_t *input, int8_t *output)
{
    int32_t largest = INT8_MIN;
    for (uint32_t i = 0; i < p->depth; i++) {
        largest = input[i] > largest ? input[i] : largest;
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < p->depth; i++) {
        const uint32_t below = distance(largest, input[i]);
        if (below < p->exponential_count) {
            sum += (uint32_t)nn_divide_by_power(p->exponentials[below], SUM_INTEGER_BITS);
        }
    }
    int32_t bits_over_unit = SUM_INTEGER_BITS;
    for (; !(sum >> 31); sum <<= 1) { /* the largest element has made it positive */
        bits_over_unit--;
    }
    const int32_t factor = reciprocal((int32_t)(sum - (UINT32_C(1) << 31)));
    for (uint32_t i = 0; i < p->depth; i++) {
        const uint32_t below = distance(largest, input[i]);
        const int32_t share = below < p->exponential_count ? nn_high_product(factor, p->exponentials[below]) : 0;
        const int32_t result = nn_divide_by_power(share, bits_over_unit + 31 - OUTPUT_BITS) + OUTPUT_ZERO_POINT;
        output[i] = (int8_t)nn_clamp(result, INT8_MIN, INT8_MAX);
    }
}

void nn_softmax(const void *parameters, uint8_t *arena)
{
    const struct nn_softmax *p = parameters;
    for (uint32_t row = 0; row < p->rows; row++) {
        const size_t at = (size_t)row * p->depth;
        normalise(p, (const int8_t *)arena + p->input + at, (int8_t *)arena + p->output + at);
    }
}
