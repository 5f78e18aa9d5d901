/* SPDX-License-Identifier: Apache-2.0 */
/* An interrupt of the NVIC that is enabled but never taken (Armv7-M ARM, B3.4). */
#include "board.h"

#define NVIC_ISER(irq) REGISTER32(0xe000e100 + (irq) / 32 * 4)
#define NVIC_ICPR(irq) REGISTER32(0xe000e280 + (irq) / 32 * 4)

void doorbell_enable(void) { NVIC_ISER(DOORBELL_IRQ) = 1u << DOORBELL_IRQ % 32; }

void doorbell_clear(void)
{
    NVIC_ICPR(DOORBELL_IRQ) = 1u << DOORBELL_IRQ % 32;
    __asm__ volatile("dsb" ::: "memory");
}

void doorbell_wait(void) { __asm__ volatile("dsb\n wfi" ::: "memory"); }
