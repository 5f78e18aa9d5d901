/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's Xtensa `virt` machine: its only console is a 16550 UART on PCI, in slot 1, behind the window of I/O ports. */
#include "board.h"

#define PCI_SLOT_1 (0xf0100000u + (1u << 15)) /* configuration space (PCI Express 4.0, 7.2.2: ECAM) */
#define PCI_COMMAND REGISTER32(PCI_SLOT_1 + 0x04)
#define PCI_BAR0 REGISTER32(PCI_SLOT_1 + 0x10)
#define PCI_COMMAND_IO 1u
#define IO_WINDOW 0xf0000000u

#define UART_DATA (*(volatile uint8_t *)(CONSOLE_ADDRESS + 0))
#define UART_LINE_STATUS (*(volatile uint8_t *)(CONSOLE_ADDRESS + 5))
#define UART_LINE_STATUS_EMPTY 0x20u

void board_start(void)
{
    PCI_BAR0 = CONSOLE_ADDRESS - IO_WINDOW;
    PCI_COMMAND |= PCI_COMMAND_IO;
}

void console_put(char character)
{
    while (!(UART_LINE_STATUS & UART_LINE_STATUS_EMPTY))
        ;
    UART_DATA = (unsigned char)character;
}
