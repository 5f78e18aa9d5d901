/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include "board.h"
#include "control.h"

uint32_t instruction_count(void)
{
#ifdef COUNTER_WORD /* where an emulator shows its count */
    return REGISTER32(COUNTER_WORD);
#else
    return control.flags & CONTROL_F_COUNTER ? (uint32_t)control.counter : cycle_count();
#endif
}

uint64_t clock_scale(uint32_t elapsed, uint32_t numerator, uint32_t denominator)
{
    const uint64_t product = (uint64_t)elapsed * numerator;
    if (denominator <= 1)
        return product;
    uint64_t quotient = 0, rest = 0;
    for (int bit = 63; bit >= 0; bit--) {
        rest = rest << 1 | (product >> bit & 1);
        if (rest >= denominator) {
            rest -= denominator;
            quotient |= UINT64_C(1) << bit;
        }
    }
    return quotient;
}

uint64_t now_ns(void)
{
    uint64_t limit, now;
    /* Between any two instructions the core may stand still and the host begin a new grant, with a later limit. */
    do {
        limit = control.limit_ns;
        const uint64_t base = control.base_ns;
        const uint32_t base_count = (uint32_t)control.base_count; /* a grant has less than 2^32 instructions */
        now = base + clock_scale(instruction_count() - base_count, control.ns_numerator, control.ns_denominator);
    } while (control.limit_ns != limit);
    return now < limit ? now : limit;
}
