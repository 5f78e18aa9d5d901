/* SPDX-License-Identifier: Apache-2.0 */
/* Recurses deeper than the stack is. */
#include "service.h"

OUTPUT(unused, uint8, 1)
SETTING(levels, 100000)

__attribute__((noinline)) static uint32_t deeper(volatile uint32_t *above)
{
    volatile uint32_t frame[16];
    frame[0] = *above + 1;
    return frame[0] == (uint32_t)levels ? 0 : deeper(frame) + frame[0];
}

void on_start(void)
{
    volatile uint32_t first = 0;
    log_line("depth %u", (unsigned)deeper(&first));
}
