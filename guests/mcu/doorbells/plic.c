/* SPDX-License-Identifier: Apache-2.0 */
/* A source of the RISC-V PLIC, context 0 (PLIC 1.0.0); the interrupt is enabled in `mie` but never taken. */
#include "board.h"

#define PLIC 0x0c000000u
#define PLIC_PRIORITY(source) REGISTER32(PLIC + 4 * (source))
#define PLIC_ENABLE(source) REGISTER32(PLIC + 0x2000 + (source) / 32 * 4)
#define PLIC_THRESHOLD REGISTER32(PLIC + 0x200000)
#define PLIC_CLAIM REGISTER32(PLIC + 0x200004)
#define MIE_EXTERNAL (1u << 11) /* RISC-V Privileged 1.12, 3.1.9 */

void doorbell_enable(void)
{
    PLIC_PRIORITY(DOORBELL_IRQ) = 1;
    PLIC_ENABLE(DOORBELL_IRQ) |= 1u << DOORBELL_IRQ % 32;
    PLIC_THRESHOLD = 0;
    __asm__ volatile("csrs mie, %0" : : "r"(MIE_EXTERNAL) : "memory");
}

void doorbell_clear(void)
{
    const uint32_t source = PLIC_CLAIM;
    if (source)
        PLIC_CLAIM = source;
}

/* WFI ends its block: QEMU counts a block as executed as a whole when its core falls asleep in it. */
void doorbell_wait(void) { __asm__ volatile("wfi\n\tj 1f\n1:" ::: "memory"); }
