/* SPDX-License-Identifier: Apache-2.0 */
/* ESP32, ESP32-S3, ESP32-C3: UART 0 (ESP32 Technical Reference Manual, section 13.5; the others have the same). */
#include "board.h"

#define UART_FIFO REGISTER32(CONSOLE_ADDRESS + 0x00)
#define UART_CLKDIV REGISTER32(CONSOLE_ADDRESS + 0x14)
#define UART_STATUS REGISTER32(CONSOLE_ADDRESS + 0x1c)
#define UART_STATUS_TXFIFO_COUNT (UART_STATUS >> 16 & 0xff)
#define SMALLEST_CLKDIV 1u

void board_start(void) { UART_CLKDIV = SMALLEST_CLKDIV; }

/* Waits until the character has left: what is in the FIFO when the core falls asleep would stay there. */
void console_put(char character)
{
    UART_FIFO = (unsigned char)character;
    while (UART_STATUS_TXFIFO_COUNT)
        ;
}
