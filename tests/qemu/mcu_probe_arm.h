/* SPDX-License-Identifier: Apache-2.0 */
/* Armv7-M ARM, sections B1.5 and B3.4: vectors, NVIC; CMSDK UART: DDI 0479, section 4.3. */
#define NVIC(offset) WORD(0xe000e000u + (offset) + IRQ / 32 * 4)
#define NVIC_ISER 0x100
#define NVIC_ICPR 0x280
#define STATE_FULL 1u

void probe(void);
__asm(".globl _start\n_start = probe");

/* A fault finds its handler where there is no memory, which is a fault within a fault: lockup. */
__attribute__((section(".start"), used)) static const void *const vectors[16] = {
    (void *)STACK, probe, (void *)0xf0000001u, (void *)0xf0000001u,
};

static void start(void)
{
    __asm volatile("cpsid i");
    NVIC(NVIC_ISER) = 1u << IRQ % 32;
    WORD(CONSOLE + 0x10) = 16;
    WORD(CONSOLE + 0x08) = 1;
}

static void wait_for_doorbell(void)
{
    __asm volatile("dsb\n wfi");
    NVIC(NVIC_ICPR) = 1u << IRQ % 32;
}

static void put(char character)
{
    while (WORD(CONSOLE + 4) & STATE_FULL)
        ;
    WORD(CONSOLE) = (uint8_t)character;
}

static uint32_t measure(void)
{
    uint32_t from, to, state;

    __asm volatile("ldr %0, [%3]\n" NOPS_TEXT "ldr %2, [%4, #4]\n" NOPS_TEXT "ldr %1, [%3]\n"
                   : "=&r"(from), "=&r"(to), "=&r"(state)
                   : "r"(&COUNTER), "r"(CONSOLE));
    return to - from;
}

static void fault_for_ever(void)
{
    WORD(0xf0000000u) = 0;
}

/* AIRCR: VECTKEY and SYSRESETREQ. */
static void reset(void)
{
    WORD(0xe000ed0cu) = 0x05fa0004u;
}
