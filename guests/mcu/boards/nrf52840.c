/* SPDX-License-Identifier: Apache-2.0 */
/* nRF52840: UART without DMA (Product Specification, section 6.33). */
#include "board.h"

#define UART_STARTTX REGISTER32(CONSOLE_ADDRESS + 0x008)
#define UART_TXDRDY REGISTER32(CONSOLE_ADDRESS + 0x11c)
#define UART_ENABLE REGISTER32(CONSOLE_ADDRESS + 0x500)
#define UART_TXD REGISTER32(CONSOLE_ADDRESS + 0x51c)
#define UART_BAUDRATE REGISTER32(CONSOLE_ADDRESS + 0x524)
#define UART_ENABLE_UART 4u
#define UART_BAUDRATE_1M 0x10000000u

void board_start(void)
{
    UART_BAUDRATE = UART_BAUDRATE_1M;
    UART_ENABLE = UART_ENABLE_UART;
    UART_STARTTX = 1;
}

void console_put(char character)
{
    UART_TXDRDY = 0;
    UART_TXD = (unsigned char)character;
    while (!UART_TXDRDY)
        ;
}
