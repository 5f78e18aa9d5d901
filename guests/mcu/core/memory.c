/* SPDX-License-Identifier: Apache-2.0 */
/* Word by word where both sides are aligned: on these cores a byte costs as much as a word. */
#include <stdint.h>
#include <string.h>

#pragma GCC optimize("no-tree-loop-distribute-patterns") /* or memcpy becomes a call of memcpy */

typedef uint32_t __attribute__((may_alias)) word;

static int is_aligned(const void *address) { return !((uintptr_t)address % sizeof(word)); }

static void copy_up(unsigned char *target, const unsigned char *source, size_t bytes)
{
    if (is_aligned(target) && is_aligned(source)) {
        for (; bytes >= 4 * sizeof(word); bytes -= 4 * sizeof(word)) {
            word *t = (word *)(void *)target;
            const word *s = (const word *)(const void *)source;
            const word a = s[0], b = s[1], c = s[2], d = s[3];
            t[0] = a, t[1] = b, t[2] = c, t[3] = d;
            target += 4 * sizeof(word);
            source += 4 * sizeof(word);
        }
        for (; bytes >= sizeof(word); bytes -= sizeof(word), target += sizeof(word), source += sizeof(word))
            *(word *)(void *)target = *(const word *)(const void *)source;
    }
    while (bytes--)
        *target++ = *source++;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    copy_up(to, from, bytes);
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    if ((uintptr_t)target - (uintptr_t)source >= bytes) { /* the target does not start within the source */
        copy_up(target, source, bytes);
        return to;
    }
    if (is_aligned(target + bytes) && is_aligned(source + bytes))
        for (; bytes >= sizeof(word); bytes -= sizeof(word))
            *(word *)(void *)(target + bytes - sizeof(word)) =
                *(const word *)(const void *)(source + bytes - sizeof(word));
    while (bytes--)
        target[bytes] = source[bytes];
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    unsigned char *target = to;
    const word pattern = 0x01010101u * (unsigned char)value;
    for (; bytes && !is_aligned(target); bytes--)
        *target++ = (unsigned char)value;
    for (; bytes >= sizeof(word); bytes -= sizeof(word), target += sizeof(word))
        *(word *)(void *)target = pattern;
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
