/* SPDX-License-Identifier: Apache-2.0 */
/* The stack lies at the bottom of data memory and is painted before use: how deep it went shows in the paint. */
#ifndef STACK_H
#define STACK_H

#include <stdint.h>

/* Symbols of the linker script: lowest and highest address. */
extern uint32_t stack_bottom[], stack_top[];

/* STACK_GUARD_BYTES below it fault when touched, on cores that can have this; the builder defines how many. */
extern uint32_t stack_guard[];

/* What a function touches beyond the guard, where memory may end, is still an overflow of the stack. */
#define STACK_MARGIN_BYTES (STACK_GUARD_BYTES + 1024u)

static inline int stack_is_below(uint32_t address)
{
    const uint32_t bottom = (uint32_t)(uintptr_t)stack_bottom;
    return address < bottom && address >= bottom - STACK_MARGIN_BYTES;
}

/* Paint what lies below the caller's frame. */
void stack_paint(void);

/* Look how deep it went and tell the host; an overflow is a fault. */
void stack_measure(void);

#endif
