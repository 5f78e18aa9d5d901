/* SPDX-License-Identifier: Apache-2.0 */
/* The few instructions of the Arm DSP extension (Armv7E-M, Armv8-M) that the inner loops need. */
#ifndef NN_DSP_H
#define NN_DSP_H

#include <stdint.h>

#include "target.h"

/* Four elements at once; Armv7-M and Armv8-M Mainline load words from any address. */
NN_INLINE uint32_t nn_load4(const int8_t *from)
{
    uint32_t word;
    __builtin_memcpy(&word, from, sizeof word); /* a single load */
    return word;
}

/* Elements 0 and 2 as two halves of 16 bits. */
NN_INLINE uint32_t nn_even(uint32_t word)
{
    uint32_t halves;
    __asm__("sxtb16 %0, %1" : "=r"(halves) : "r"(word));
    return halves;
}

/* Elements 1 and 3. */
NN_INLINE uint32_t nn_odd(uint32_t word)
{
    uint32_t halves;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
    return halves;
}

/* sum + both products of halves. */
NN_INLINE int32_t nn_dual_multiply(uint32_t a, uint32_t b, int32_t sum)
{
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* sum + product of the lower halves. */
NN_INLINE int32_t nn_multiply_lower(uint32_t a, uint32_t b, int32_t sum)
{
    __asm__("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* sum + product of the upper halves. */
NN_INLINE int32_t nn_multiply_upper(uint32_t a, uint32_t b, int32_t sum)
{
    __asm__("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

#endif
