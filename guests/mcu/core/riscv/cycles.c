/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"

void cycles_start(void) {} /* mcycle counts from reset */

uint32_t cycle_count(void)
{
    uint32_t count;
    __asm__ volatile("csrr %0, mcycle" : "=r"(count));
    return count;
}
