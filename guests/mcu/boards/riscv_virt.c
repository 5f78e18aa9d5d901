/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's RISC-V `virt` machine: a 16550 UART (National Semiconductor PC16550D, section 8) with 8-bit registers. */
#include "board.h"

#define UART_DATA (*(volatile uint8_t *)(CONSOLE_ADDRESS + 0))
#define UART_LINE_STATUS (*(volatile uint8_t *)(CONSOLE_ADDRESS + 5))
#define UART_LINE_STATUS_EMPTY 0x20u

void board_start(void) {}

void console_put(char character)
{
    while (!(UART_LINE_STATUS & UART_LINE_STATUS_EMPTY))
        ;
    UART_DATA = (unsigned char)character;
}
