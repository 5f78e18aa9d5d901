/* SPDX-License-Identifier: Apache-2.0 */
/* Sends the time again and again. */
#include "service.h"

OUTPUT(beats, uint64, 1)
SETTING(period_us, 1000)

static uint64_t next_ns;

static void plan(void)
{
    next_ns += (uint64_t)period_us * 1000;
    set_timer_ns(next_ns);
}

void on_start(void) { plan(); }

void on_timer(void)
{
    const uint64_t now = now_ns();
    output_send(&beats, &now);
    plan();
}
