/* SPDX-License-Identifier: Apache-2.0 */
/* RISC-V PLIC 1.0.0 in the machine virt (context 0: machine mode of hart 0), and its 16550 UART. */
#define PLIC 0x0c000000u
#define PLIC_PRIORITY WORD(PLIC + 4 * IRQ)
#define PLIC_ENABLE WORD(PLIC + 0x2000 + IRQ / 32 * 4)
#define PLIC_THRESHOLD WORD(PLIC + 0x200000)
#define PLIC_CLAIM WORD(PLIC + 0x200004)
#define MIE_EXTERNAL (1u << 11)

void probe(void);

__asm(".section .start, \"ax\"\n"
      ".globl _start\n"
      "_start: li sp, " STACK_TEXT "\n"
      "j probe\n"
      ".text\n");

static void start(void)
{
    PLIC_PRIORITY = 1;
    PLIC_THRESHOLD = 0;
    PLIC_ENABLE = 1u << IRQ % 32;
    __asm volatile("csrw mie, %0" : : "r"(MIE_EXTERNAL));
}

static void wait_for_doorbell(void)
{
    __asm volatile("wfi");
    PLIC_CLAIM = PLIC_CLAIM;
}

static void put(char character)
{
    *(volatile char *)CONSOLE = character;
}

static uint32_t measure(void)
{
    uint32_t from, to, state;

    __asm volatile("lw %0, 0(%3)\n" NOPS_TEXT "lbu %2, 5(%4)\n" NOPS_TEXT "lw %1, 0(%3)\n"
                   : "=&r"(from), "=&r"(to), "=&r"(state)
                   : "r"(&COUNTER), "r"(CONSOLE));
    return to - from;
}

/* The handler lies where there is no memory. */
static void fault_for_ever(void)
{
    __asm volatile("csrw mtvec, %0\n jr %0" : : "r"(0xf0000000u));
}

/* SiFive's test device: pass. */
static void reset(void)
{
    WORD(0x00100000u) = 0x5555;
}
