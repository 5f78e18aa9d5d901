/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <stdint.h>
#include <string.h>

/* Symbols of the linker script: between variables and the end of data memory. */
extern unsigned char heap_start[], heap_end[];

void *heap_take(size_t bytes)
{
    static unsigned char *next = heap_start;
    const size_t need = (bytes + 7) & ~(size_t)7;
    if (need < bytes || need > (size_t)(heap_end - next))
        return NULL;
    void *const taken = next;
    next += need;
    return memset(taken, 0, need);
}
