/* SPDX-License-Identifier: Apache-2.0 */
/* Xtensa with the call0 convention, from reset to firmware_main, with interrupts masked for ever. */
#include "image.h"
#include "main.h"
#include "stack.h"

_Noreturn void reset(void);

__attribute__((used)) static _Noreturn void start(void)
{
    image_unpack();
    firmware_main();
}

/*
 * PS (Xtensa ISA Reference Manual, 4.4.1): user vector mode, no exception mode, no windows. Every interrupt is disabled
 * by itself; INTLEVEL stays 0, or a `break` would be passed over.
 */
__asm__(".section .reset, \"ax\"\n"
        ".align 4\n"
        "j reset\n" /* the first instruction of the code, for whoever starts there */
        ".align 4\n"
        ".literal_position\n"
        ".global reset\n"
        ".type reset, @function\n"
        "reset:\n"
        "movi a2, 0\n"
        "wsr a2, intenable\n"
        "movi a2, exception_vectors\n"
        "wsr a2, vecbase\n"
        "movi a2, 0x20\n"
        "wsr a2, ps\n"
        "rsync\n"
        "movi a1, stack_top\n"
        "movi a0, 0\n"
        "movi a2, start\n"
        "jx a2\n"
        ".size reset, . - reset\n"
        ".text");
