/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single precision arithmetic that the compiler calls by these names (GCC Internals, 4.2) and that its library lacks.
 * IEEE 754, rounding to nearest, ties to even; one kind of NaN, no flags. There is no double precision but what turns
 * a float into one.
 */
#include <stdint.h>

#define EXPONENT_BITS 0xffu
#define FRACTION_BITS 0x7fffffu
#define IMPLICIT_BIT 0x800000u
#define QUIET_NAN 0x7fc00000u
#define EXTRA 7 /* bits behind the fraction while it is being worked on: the lowest says whether anything was lost */

union bits {
    float value;
    uint32_t word;
};

/* significand * 2^(exponent - 127 - 23 - EXTRA); its highest bit is the implicit one or 0 for numbers near 0. */
struct parts {
    uint32_t sign; /* 0 or 0x80000000 */
    int32_t exponent;
    uint32_t significand;
};

float __addsf3(float one, float other);
float __subsf3(float one, float other);
float __mulsf3(float one, float other);
float __floatsisf(int32_t number);
float __floatunsisf(uint32_t number);
uint32_t __fixunssfsi(float number);
double __extendsfdf2(float number);

static float of(uint32_t word) { return (union bits){.word = word}.value; }

static int is_special(uint32_t word) { return (word >> 23 & EXPONENT_BITS) == EXPONENT_BITS; }
static int is_nan(uint32_t word) { return is_special(word) && (word & FRACTION_BITS); }

static struct parts take_apart(uint32_t word)
{
    const uint32_t exponent = word >> 23 & EXPONENT_BITS, fraction = word & FRACTION_BITS;
    return (struct parts){
        .sign = word & 0x80000000u,
        .exponent = exponent ? (int32_t)exponent : 1,
        .significand = (exponent ? fraction | IMPLICIT_BIT : fraction) << EXTRA,
    };
}

/* Shift to the right; what falls off is remembered in the lowest bit. */
static uint32_t shift_right(uint32_t value, int32_t places)
{
    if (places <= 0)
        return value;
    if (places > 31)
        return value != 0;
    return value >> places | (value << (32 - places) != 0);
}

/* Normalise, round and put together. */
static float put_together(struct parts parts)
{
    if (!parts.significand)
        return of(parts.sign);
    if (parts.significand >> (24 + EXTRA)) { /* one bit too many */
        parts.significand = shift_right(parts.significand, 1);
        parts.exponent++;
    }
    while (!(parts.significand >> (23 + EXTRA)) && parts.exponent > 1) {
        parts.significand <<= 1;
        parts.exponent--;
    }
    if (parts.exponent < 1) {
        parts.significand = shift_right(parts.significand, 1 - parts.exponent);
        parts.exponent = 1;
    }
    const uint32_t half = 1u << (EXTRA - 1), rest = parts.significand & (2 * half - 1);
    uint32_t fraction = parts.significand >> EXTRA;
    if (rest > half || (rest == half && (fraction & 1)))
        fraction++; /* a carry goes into the exponent, which is right */
    const uint32_t exponent = (uint32_t)parts.exponent - 1; /* the implicit bit adds 1, and is not there near 0 */
    if (exponent + (fraction >> 23) >= EXPONENT_BITS)
        return of(parts.sign | EXPONENT_BITS << 23);
    return of(parts.sign | ((exponent << 23) + fraction));
}

float __addsf3(float one, float other)
{
    const uint32_t a = (union bits){one}.word, b = (union bits){other}.word;
    if (is_nan(a) || is_nan(b) || (is_special(a) && is_special(b) && a != b))
        return of(QUIET_NAN);
    if (is_special(a) || is_special(b))
        return of(is_special(a) ? a : b);
    struct parts large = take_apart(a), small = take_apart(b);
    if ((a & 0x7fffffffu) < (b & 0x7fffffffu)) {
        const struct parts swap = large;
        large = small;
        small = swap;
    }
    small.significand = shift_right(small.significand, large.exponent - small.exponent);
    if (large.sign == small.sign)
        large.significand += small.significand;
    else if (large.significand == small.significand)
        return of(0); /* x - x is +0 */
    else
        large.significand -= small.significand;
    return put_together(large);
}

float __subsf3(float one, float other)
{
    const uint32_t b = (union bits){other}.word;
    return __addsf3(one, of(is_nan(b) ? b : b ^ 0x80000000u));
}

float __mulsf3(float one, float other)
{
    const uint32_t a = (union bits){one}.word, b = (union bits){other}.word;
    const uint32_t sign = (a ^ b) & 0x80000000u;
    const int is_zero = !(a & 0x7fffffffu) || !(b & 0x7fffffffu);
    if (is_nan(a) || is_nan(b) || ((is_special(a) || is_special(b)) && is_zero))
        return of(QUIET_NAN);
    if (is_special(a) || is_special(b))
        return of(sign | EXPONENT_BITS << 23);
    const struct parts x = take_apart(a), y = take_apart(b);
    /* Of the 48 bits of the product, moved up until the highest is set, 24 + EXTRA are kept. */
    uint64_t product = (uint64_t)(x.significand >> EXTRA) * (y.significand >> EXTRA);
    struct parts result = {.sign = sign, .exponent = x.exponent + y.exponent - 126};
    for (; product && !(product >> 47); product <<= 1)
        result.exponent--;
    result.significand = (uint32_t)(product >> 17) | ((product & 0x1ffff) != 0);
    return put_together(result);
}

float __floatunsisf(uint32_t number)
{
    /* As a sum of two halves both are exact before the sum is rounded. */
    const struct parts high = {.exponent = 127 + 23 + 16, .significand = number >> 16 << EXTRA};
    const struct parts low = {.exponent = 127 + 23, .significand = (number & 0xffffu) << EXTRA};
    return __addsf3(put_together(high), put_together(low));
}

float __floatsisf(int32_t number)
{
    const float size = __floatunsisf(number < 0 ? 0u - (uint32_t)number : (uint32_t)number);
    return of((union bits){size}.word | (number < 0 ? 0x80000000u : 0));
}

uint32_t __fixunssfsi(float number)
{
    const uint32_t word = (union bits){number}.word;
    const int32_t exponent = (int32_t)(word >> 23 & EXPONENT_BITS) - 127;
    const uint32_t significand = (word & FRACTION_BITS) | IMPLICIT_BIT;
    if (word >> 31 || exponent < 0)
        return 0;
    if (exponent > 31)
        return 0xffffffffu;
    return exponent > 23 ? significand << (exponent - 23) : significand >> (23 - exponent);
}

double __extendsfdf2(float number)
{
    const uint32_t word = (union bits){number}.word;
    const uint64_t sign = (uint64_t)(word & 0x80000000u) << 32;
    uint32_t exponent = word >> 23 & EXPONENT_BITS, fraction = word & FRACTION_BITS;
    union {
        uint64_t word;
        double value;
    } result;
    if (exponent == EXPONENT_BITS) {
        result.word = sign | UINT64_C(0x7ff) << 52 | (uint64_t)fraction << 29;
        return result.value;
    }
    if (!exponent && fraction) {
        for (exponent = 1; !(fraction & IMPLICIT_BIT); exponent--)
            fraction <<= 1;
        fraction &= FRACTION_BITS;
    } else if (!exponent) {
        result.word = sign;
        return result.value;
    }
    result.word = sign | (uint64_t)(exponent + 1023u - 127u) << 52 | (uint64_t)fraction << 29;
    return result.value;
}
