/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixed-point arithmetic of the LiteRT reference kernels: gemmlowp's, most of it with two roundings.
 *
 * A negative number is shifted right arithmetically, and a number out of range converted to int32_t modulo 2^32: GCC
 * and Clang define both so.
 */
#ifndef NN_FIXED_POINT_H
#define NN_FIXED_POINT_H

#include <stdint.h>

/* A factor: multiplier * 2^(shift - 31); multiplier is 0 or at least 2^30, shift -31 .. 30. */
struct nn_scale {
    int32_t multiplier;
    int32_t shift;
};

/* a * b in 64 bits. */
static inline int64_t nn_wide_product(int32_t a, int32_t b)
{
#ifdef __XTENSA__ /* the compiler has no instruction for the upper half, and would call a function for 64 x 64 bits */
    const uint32_t a_low = (uint16_t)a, b_low = (uint16_t)b;
    const int32_t a_high = a >> 16, b_high = b >> 16;
    const uint32_t low = a_low * b_low;
    const int32_t cross = a_high * (int32_t)b_low + (int32_t)(low >> 16);
    const int32_t middle = (int32_t)a_low * b_high + (int32_t)(cross & 0xffff);
    const int32_t high = a_high * b_high + (cross >> 16) + (middle >> 16);
    return (int64_t)((uint64_t)(uint32_t)high << 32 | (uint32_t)middle << 16 | (uint16_t)low);
#else
    return (int64_t)a * b;
#endif
}

/* a * b / 2^31, rounded to the nearest, halves up. Not for a == b == INT32_MIN. */
static inline int32_t nn_high_product(int32_t a, int32_t b)
{
    return (int32_t)((nn_wide_product(a, b) + (INT64_C(1) << 30)) >> 31);
}

/* x / 2^exponent, rounded to the nearest, halves away from zero; exponent 0 .. 31. */
static inline int32_t nn_divide_by_power(int32_t x, int32_t exponent)
{
    const int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1u);
    const int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> exponent) + ((x & mask) > threshold);
}

/* x times a factor; x within 2^30, which the converter sees to, so that the rounding stays in 32 bits. */
static inline int32_t nn_requantize(int32_t x, const struct nn_scale *by)
{
    const int32_t right = -by->shift;
    if (right <= 0) {
        return nn_high_product((int32_t)((uint32_t)x << by->shift), by->multiplier);
    }
    const int32_t scaled = nn_high_product(x, by->multiplier); /* then nn_divide_by_power in fewer instructions */
    return (scaled + (scaled >> 31) + (INT32_C(1) << (right - 1))) >> right;
}

/* The same with a single rounding, halves up: LiteRT's fully connected layers. */
static inline int32_t nn_requantize_once(int32_t x, const struct nn_scale *by)
{
    const int32_t shift = 31 - by->shift;
    return (int32_t)((nn_wide_product(x, by->multiplier) + (INT64_C(1) << (shift - 1))) >> shift);
}

static inline int32_t nn_clamp(int32_t x, int32_t minimum, int32_t maximum)
{
    return x < minimum ? minimum : x > maximum ? maximum : x;
}

#endif
