/* SPDX-License-Identifier: Apache-2.0 */
/* The cycle counter of the Data Watchpoint and Trace unit (Armv7-M ARM, C1.8). */
#include "board.h"

#define DEMCR REGISTER32(0xe000edfc)
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL REGISTER32(0xe0001000)
#define DWT_CYCCNT REGISTER32(0xe0001004)

void cycles_start(void)
{
    DEMCR |= DEMCR_TRCENA;
    DWT_CTRL |= 1;
}

uint32_t cycle_count(void) { return DWT_CYCCNT; }
