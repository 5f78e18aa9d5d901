/* SPDX-License-Identifier: Apache-2.0 */
/* Plays ping-pong: one of two serves, both send back what they get with a count in the first byte. */
#include <string.h>

#include "service.h"

INPUT(tensor, uint8, 64)
OUTPUT(result, uint8, 64)
SETTING(serves, 0)

#define NS_PER_MS UINT64_C(1000000)

static void serve(void)
{
    static const uint8_t ball[64];
    if (!output_send(&result, ball))
        set_timer_ns(now_ns() + NS_PER_MS); /* the other one is not there yet */
}

void on_start(void)
{
    if (serves)
        set_timer_ns(NS_PER_MS);
}

void on_timer(void) { serve(); }

void on_tensors(void)
{
    uint8_t ball[64];
    memcpy(ball, input_newest(&tensor)->data, sizeof ball);
    ball[0]++;
    output_send(&result, ball);
}
