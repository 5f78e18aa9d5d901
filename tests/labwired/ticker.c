/* SPDX-License-Identifier: Apache-2.0 */
/* Sends the time every 2.5 ms, and goes wrong as its settings say. */
#include "service.h"

INPUT(unused, uint8, 4)
OUTPUT(ticks, uint64, 1)
SETTING(wrong, 0)

static uint64_t next_ns = 2500000;

__attribute__((noinline)) static int dig(volatile int *hole)
{
    volatile int deeper[64];
    deeper[0] = *hole;
    return (*hole ? dig(deeper) : 0) + deeper[1];
}

void on_start(void)
{
    volatile int hole = 1;
    if (wrong == 1)
        *(volatile uint32_t *)0x90000000u = 1;
    if (wrong == 2)
        log_line("%d", dig(&hole));
    if (wrong == 3)
        panic(77);
    set_timer_ns(next_ns);
}

void on_timer(void)
{
    const uint64_t now = now_ns();
    output_send(&ticks, &now);
    next_ns += 2500000;
    set_timer_ns(next_ns);
}
