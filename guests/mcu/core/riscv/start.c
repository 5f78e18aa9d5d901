/* SPDX-License-Identifier: Apache-2.0 */
/* RV32 from reset to firmware_main, in machine mode with interrupts masked for ever: WFI wakes up all the same. */
#include "image.h"
#include "main.h"
#include "stack.h"

_Noreturn void reset(void);
void trap(void);

#define PMP_NAPOT 0x18u /* RISC-V Privileged 1.12, 3.7.1: a naturally aligned power of two, no access */
#define PMP_LOCKED 0x80u /* holds for machine mode, too */

/* An access to the guard is a fault. Where there is no physical memory protection these instructions trap: go on. */
static void guard_stack(void)
{
    const uint32_t region = (uint32_t)(uintptr_t)stack_guard >> 2 | (STACK_GUARD_BYTES / 8 - 1);
    uint32_t vector;
    __asm__ volatile("la %0, 1f\n"
                     "csrw mtvec, %0\n"
                     "csrw pmpaddr0, %1\n"
                     "csrw pmpcfg0, %2\n"
                     ".balign 4\n"
                     "1:"
                     : "=&r"(vector)
                     : "r"(region), "r"(PMP_LOCKED | PMP_NAPOT)
                     : "memory");
}

__attribute__((used)) static _Noreturn void start(void)
{
    guard_stack();
    __asm__ volatile("csrw mtvec, %0" : : "r"(trap) : "memory");
    image_unpack();
    firmware_main();
}

__attribute__((naked, section(".reset"))) _Noreturn void reset(void)
{
    __asm__ volatile("csrw mie, zero\n"
                     "csrci mstatus, 8\n" /* MIE */
                     "la sp, stack_top\n"
                     "j start");
}
