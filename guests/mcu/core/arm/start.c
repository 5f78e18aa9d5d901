/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Armv7-M and Armv8-M from reset to firmware_main. The thread runs on the process stack, faults on a small stack of
 * their own, so that they can be told even if the other one has overflowed. Interrupts stay masked for ever: WFI
 * wakes up for a pending one all the same (Armv7-M Architecture Reference Manual, B1.5.17).
 */
#include <stdint.h>

#include "board.h"
#include "image.h"
#include "main.h"
#include "protection.h"
#include "stack.h"

#define FAULT_STACK_WORDS 128

_Noreturn void reset(void);
void exception(void);

static uint32_t fault_stack[FAULT_STACK_WORDS] __attribute__((aligned(8)));

/* Initial stack pointer, reset, and everything else, interrupts included, is one handler. */
__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    fault_stack + FAULT_STACK_WORDS,
    (const void *)reset,
    [2 ... 15] = (const void *)exception,
};

/* Armv7-M ARM, B3.2.20 (CPACR). */
#define CPACR REGISTER32(0xe000ed88)

static void enable_coprocessors(void)
{
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    CPACR |= 0xfu << 20;
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
}

__attribute__((used)) static _Noreturn void start(void)
{
    enable_coprocessors();
    protect_memory();
    image_unpack();
    firmware_main();
}

__attribute__((naked)) _Noreturn void reset(void)
{
    __asm__ volatile("cpsid i\n"
                     "ldr r0, =stack_top\n"
                     "msr psp, r0\n"
#if __ARM_ARCH >= 8
                     "ldr r0, =stack_bottom\n"
                     "msr psplim, r0\n"
#endif
                     "movs r0, #2\n" /* thread mode on the process stack */
                     "msr control, r0\n"
                     "isb\n"
                     "bl start\n"
                     ".ltorg");
}
