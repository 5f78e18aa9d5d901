/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integer arithmetic that the compiler calls by these names (GCC Internals, 4.1.1) and that its library lacks: the
 * chip that it was made for has it in ROM. Nothing here may use what it defines.
 */
#include <stdint.h>

uint32_t __udivsi3(uint32_t dividend, uint32_t divisor);
uint32_t __umodsi3(uint32_t dividend, uint32_t divisor);
int32_t __divsi3(int32_t dividend, int32_t divisor);
uint64_t __udivdi3(uint64_t dividend, uint64_t divisor);
uint64_t __umoddi3(uint64_t dividend, uint64_t divisor);
int64_t __divdi3(int64_t dividend, int64_t divisor);
uint64_t __umulsidi3(uint32_t one, uint32_t other);
int64_t __muldi3(int64_t one, int64_t other);

/* By shifting and subtracting; division by 0 gives all ones, as on cores that do not trap. */
static uint32_t divide32(uint32_t dividend, uint32_t divisor, uint32_t *rest)
{
    uint32_t quotient = 0, left = 0;
    for (uint32_t bit = 0x80000000u; bit; bit >>= 1) {
        const uint32_t carry = left >> 31; /* left is below the divisor, so one bit more is enough */
        left = left << 1 | ((dividend & bit) != 0);
        if (carry || left >= divisor) {
            left -= divisor;
            quotient |= bit;
        }
    }
    *rest = left;
    return quotient;
}

static uint64_t divide64(uint64_t dividend, uint64_t divisor, uint64_t *rest)
{
    uint64_t quotient = 0, left = 0;
    for (int place = 63; place >= 0; place--) {
        const uint64_t carry = left >> 63;
        left = left << 1 | (dividend >> place & 1);
        if (carry || left >= divisor) {
            left -= divisor;
            quotient |= UINT64_C(1) << place;
        }
    }
    *rest = left;
    return quotient;
}

uint32_t __udivsi3(uint32_t dividend, uint32_t divisor)
{
    uint32_t rest;
    return divide32(dividend, divisor, &rest);
}

uint32_t __umodsi3(uint32_t dividend, uint32_t divisor)
{
    uint32_t rest;
    divide32(dividend, divisor, &rest);
    return rest;
}

int32_t __divsi3(int32_t dividend, int32_t divisor)
{
    uint32_t rest;
    const uint32_t above = dividend < 0 ? 0u - (uint32_t)dividend : (uint32_t)dividend;
    const uint32_t below = divisor < 0 ? 0u - (uint32_t)divisor : (uint32_t)divisor;
    const uint32_t quotient = divide32(above, below, &rest);
    return (int32_t)((dividend < 0) != (divisor < 0) ? 0u - quotient : quotient);
}

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor)
{
    uint64_t rest;
    return divide64(dividend, divisor, &rest);
}

uint64_t __umoddi3(uint64_t dividend, uint64_t divisor)
{
    uint64_t rest;
    divide64(dividend, divisor, &rest);
    return rest;
}

int64_t __divdi3(int64_t dividend, int64_t divisor)
{
    uint64_t rest;
    const uint64_t above = dividend < 0 ? 0u - (uint64_t)dividend : (uint64_t)dividend;
    const uint64_t below = divisor < 0 ? 0u - (uint64_t)divisor : (uint64_t)divisor;
    const uint64_t quotient = divide64(above, below, &rest);
    return (int64_t)((dividend < 0) != (divisor < 0) ? 0u - quotient : quotient);
}

/* Four products of halves: the core multiplies 32 bits by 32 bits, but keeps only the low 32. */
uint64_t __umulsidi3(uint32_t one, uint32_t other)
{
    const uint32_t one_low = one & 0xffffu, one_high = one >> 16, other_low = other & 0xffffu, other_high = other >> 16;
    const uint32_t low = one_low * other_low;
    const uint32_t cross = one_high * other_low + (low >> 16);
    const uint32_t middle = one_low * other_high + (cross & 0xffffu);
    const uint32_t high = one_high * other_high + (cross >> 16) + (middle >> 16);
    return (uint64_t)high << 32 | (middle << 16 | (low & 0xffffu));
}

int64_t __muldi3(int64_t one, int64_t other)
{
    const uint32_t one_low = (uint32_t)one, other_low = (uint32_t)other;
    const uint32_t one_high = (uint32_t)((uint64_t)one >> 32), other_high = (uint32_t)((uint64_t)other >> 32);
    const uint32_t upper = one_low * other_high + one_high * other_low;
    return (int64_t)(__umulsidi3(one_low, other_low) + ((uint64_t)upper << 32));
}
