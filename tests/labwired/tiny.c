/* SPDX-License-Identifier: Apache-2.0 */
/* A firmware as small as the contract of the control page allows; the host's words in the region say what it does. */
#include <stdint.h>

#define WORD(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define PAGE(offset) WORD(WINDOW + (offset))
#define REGION(number) WORD(WINDOW + 4096 + 4 * (number))

enum { ECHO = 1, COUNT, BUSY, BREAK, SLEEPY, TELL };

#if defined(__XTENSA__)
__asm__(".section .start,\"ax\"\n"
        ".global _start\n"
        ".literal_position\n"
        ".literal stack, STACK\n"
        "_start: l32r a1, stack\n"
        "movi a0, 0\n"
        "wsr a0, ps\n"
        "rsync\n"
        "call0 run");
static uint32_t counter(void)
{
    uint32_t count;
    __asm__ volatile("rsr %0, ccount" : "=r"(count));
    return count;
}
#elif defined(__riscv)
__asm__(".section .start,\"ax\"\n"
        ".global _start\n"
        "_start: li sp, STACK\n"
        "j run");
static uint32_t counter(void)
{
    uint32_t count;
    __asm__ volatile("csrr %0, mcycle" : "=r"(count));
    return count;
}
#else
void run(void);
__attribute__((section(".start"), used)) static const uintptr_t vectors[2] = {STACK, (uintptr_t)run};
static uint32_t counter(void) { return WORD(0xe0001004); }
#endif

static void put(char character)
{
    WORD(CONSOLE) = character;
    while (WORD(CONSOLE_STATE) & CONSOLE_BUSY)
        ; /* a sleeping core is not emulated, so text in a FIFO would stay there */
}

static void start(void)
{
#ifdef __arm__
    WORD(0xe000edfc) |= 1u << 24;
    WORD(0xe0001000) |= 1;
    __asm__ volatile("cpsid i");
    WORD(0xe000e100 + DOORBELL / 32 * 4) = 1u << DOORBELL % 32;
#endif
    WORD(CONSOLE_CONTROL) = CONSOLE_SETTING;
}

static void sleep(uint32_t count)
{
#ifdef __arm__
    WORD(0xe000e280 + DOORBELL / 32 * 4) = 1u << DOORBELL % 32;
#endif
    if (PAGE(0x40) != count)
        return;
    PAGE(0x144) = count;
    PAGE(0x10c) = 1;
    do {
        REGION(3)++; /* how often it looked */
#ifdef __arm__
        __asm__ volatile("dsb\n wfi");
        REGION(4) = WORD(0xe000e200 + DOORBELL / 32 * 4) & 1u << DOORBELL % 32 ? REGION(4) + 1 : REGION(4);
        WORD(0xe000e280 + DOORBELL / 32 * 4) = 1u << DOORBELL % 32;
#endif
    } while (PAGE(0x40) == count);
    PAGE(0x10c) = 0;
}

static void work(void)
{
    switch (REGION(0)) {
    case ECHO:
        for (uint32_t i = 0; i < REGION(1); i++)
            REGION(512 + i) = REGION(16 + i) ^ 0xffffffff;
        break;
    case COUNT:
        for (uint32_t i = 0; i < 64; i++)
            REGION(512 + i) = counter();
        break;
    case BUSY:
        for (uint32_t i = 0; i < REGION(1); i++)
            REGION(2)++;
        break;
    case BREAK:
#if defined(__XTENSA__)
        __asm__ volatile("break 1, 15");
#elif defined(__riscv)
        __asm__ volatile("ebreak");
#else
        __asm__ volatile("bkpt 1");
#endif
        break;
    case SLEEPY: /* idle for ever, whatever comes */
        PAGE(0x144) = PAGE(0x40);
        PAGE(0x10c) = 1;
        for (;;)
            ;
    case TELL:
        for (uint32_t i = 0; i < REGION(1); i++)
            put('a' + (i & 15));
        break;
    }
}

__attribute__((used)) void run(void)
{
    start();
    for (const char *text = "tiny is up\n"; *text; text++)
        put(*text);
    PAGE(0x100) = 0x4b4f5746;
    for (;;) {
        const uint32_t count = PAGE(0x40);
        work();
        PAGE(0x180) = count; /* rings back once for each doorbell */
        sleep(count);
    }
}
