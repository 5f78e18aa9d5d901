/* SPDX-License-Identifier: Apache-2.0 */
/* Xtensa, call0 convention. The machine virt has its UART on PCI, in slot 1; its firmware polls for doorbells. */
#define PCI_SLOT_1 0xf0108000u
#define PCI_COMMAND WORD(PCI_SLOT_1 + 0x04)
#define PCI_BAR0 WORD(PCI_SLOT_1 + 0x10)

void probe(void);

__asm(".section .start, \"ax\"\n"
      ".literal_position\n"
      ".align 4\n"
      ".globl _start\n"
      "_start: movi a1, " STACK_TEXT "\n"
      "call0 probe\n"
      ".text\n");

static void start(void)
{
    PCI_BAR0 = CONSOLE - 0xf0000000u;
    PCI_COMMAND |= 1;
}

static void wait_for_doorbell(void)
{
    static uint32_t seen;

    while (IN_COUNT == seen)
        ;
    seen = IN_COUNT;
}

static void put(char character)
{
    *(volatile char *)CONSOLE = character;
}

static uint32_t measure(void)
{
    uint32_t from, to, state;

    __asm volatile("l32i %0, %3, 0\n" NOPS_TEXT "l8ui %2, %4, 5\n" NOPS_TEXT "l32i %1, %3, 0\n"
                   : "=&r"(from), "=&r"(to), "=&r"(state)
                   : "r"(&COUNTER), "r"(CONSOLE));
    return to - from;
}

/* The handlers lie in memory that is zero, and zero is no instruction. */
static void fault_for_ever(void)
{
    __asm volatile("wsr %0, vecbase\n rsync\n ill" : : "r"(STACK));
}

static void reset(void)
{
}
