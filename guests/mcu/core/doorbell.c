/* SPDX-License-Identifier: Apache-2.0 */
#include "doorbell.h"

#include "board.h"
#include "control.h"
#include "service.h"

static uint32_t rung[CONTROL_CHANNELS];

void doorbell_ring(uint32_t vector) { control.out_count[vector] = ++rung[vector]; }

uint32_t doorbell_count(void)
{
    uint32_t sum = 0;
    for (uint32_t vector = 0; vector < control.channel_count && vector < CONTROL_CHANNELS; vector++)
        sum += control.in_count[vector];
    return sum;
}

/*
 * No doorbell is lost: the host counts first and then pends the interrupt. What came before the look at the count is
 * seen in it; what comes after it is pending and ends doorbell_wait at once.
 */
void doorbell_sleep(uint32_t count, uint64_t wake_ns)
{
    doorbell_clear();
    if (doorbell_count() != count)
        return;
    control.wake_ns = wake_ns;
    control.slept_count = count;
    control.idle = 1;
    do {
        doorbell_wait();
        doorbell_clear();
    } while (doorbell_count() == count && !(wake_ns && now_ns() >= wake_ns));
    control.idle = 0;
}
