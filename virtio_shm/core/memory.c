/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that a freestanding compiler may call by itself. Hidden: they never leave this object. */
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns") /* or memcpy becomes a call of memcpy */
#endif

typedef uint64_t __attribute__((may_alias)) word;

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    if (!(((uintptr_t)to | (uintptr_t)from) % sizeof(word)))
        for (; bytes >= sizeof(word); bytes -= sizeof(word), target += sizeof(word), source += sizeof(word))
            *(word *)(void *)target = *(const word *)(const void *)source;
    while (bytes--)
        *target++ = *source++;
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    if (target < source)
        while (bytes--)
            *target++ = *source++;
    else
        while (bytes--)
            target[bytes] = source[bytes];
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    unsigned char *target = to;
    while (bytes--)
        *target++ = (unsigned char)value;
    return to;
}

int memcmp(const void *left, const void *right, size_t bytes)
{
    const unsigned char *a = left, *b = right;
    for (; bytes; bytes--, a++, b++)
        if (*a != *b)
            return *a < *b ? -1 : 1;
    return 0;
}
