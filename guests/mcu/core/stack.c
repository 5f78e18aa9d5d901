/* SPDX-License-Identifier: Apache-2.0 */
#include "stack.h"

#include "control.h"
#include "fault.h"

#define PAINT 0x5ac35ac3u
#define CANARY_WORDS 4 /* the lowest words: used only by a stack that is about to overflow, or has */

void stack_paint(void)
{
    const uint32_t *const here = __builtin_frame_address(0);
    volatile uint32_t *word = stack_bottom; /* volatile: or the loop becomes a call of memset, on this very stack */
    while (word < here - 16)
        *word++ = PAINT;
    control.stack_bytes = (uint32_t)((uintptr_t)stack_top - (uintptr_t)stack_bottom);
}

/* All of the paint is looked at after 1, 2, 4, 8 ... calls: cheap, and as good as always after a few. */
void stack_measure(void)
{
    static uint32_t calls;
    const uint32_t *word = stack_bottom;
    for (int i = 0; i < CANARY_WORDS; i++)
        if (word[i] != PAINT)
            fault(FAULT_STACK, CALLER(), 0, (uint32_t)(uintptr_t)&word[i], word[i]);
    calls++;
    if (calls & (calls - 1))
        return;
    while (word < stack_top && *word == PAINT)
        word++;
    control.stack_high_water = (uint32_t)((uintptr_t)stack_top - (uintptr_t)word);
}
