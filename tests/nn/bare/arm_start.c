/* SPDX-License-Identifier: Apache-2.0 */
/* Start of a Cortex-M core; leaves by semihosting (Arm document 100863, SYS_EXIT_EXTENDED). */
#include <stdint.h>

#define SYS_EXIT_EXTENDED 0x20u
#define APPLICATION_EXIT 0x20026u
#define CPACR (*(volatile uint32_t *)0xe000ed88u) /* Armv8-M Architecture Reference Manual, D1.2: CPACR */
#define CP10_CP11_FULL (0xfu << 20)
#define FAULT 4

int main(void);
_Noreturn void leave(uint32_t code);
extern uint32_t stack_top[];
extern uint32_t bss_start[], bss_end[];

_Noreturn void leave(uint32_t code)
{
    const uint32_t block[2] = {APPLICATION_EXIT, code};
    register uint32_t operation __asm__("r0") = SYS_EXIT_EXTENDED;
    register const uint32_t *argument __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : : "r"(operation), "r"(argument) : "memory");
    for (;;) {
    }
}

static void fault(void)
{
    leave(FAULT);
}

static void start(void)
{
    CPACR |= CP10_CP11_FULL; /* floating point and Helium */
    __asm__ volatile("dsb\n\tisb" : : : "memory");
    for (uint32_t *word = bss_start; word < bss_end; word++) {
        *word = 0;
    }
    main();
}

__attribute__((section(".start"), used)) static const void *const vectors[8] = {
    stack_top, (const void *)start, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault, (const void *)fault, (const void *)fault,
};
