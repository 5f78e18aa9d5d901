/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"

void cycles_start(void) {} /* CCOUNT counts from reset */

uint32_t cycle_count(void)
{
    uint32_t count;
    __asm__ volatile("rsr %0, ccount" : "=r"(count));
    return count;
}
