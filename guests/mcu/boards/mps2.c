/* SPDX-License-Identifier: Apache-2.0 */
/* Arm MPS2 and MPS3 FPGA boards: CMSDK APB UART (Arm DDI 0479, section 4.3). */
#include "board.h"

#define UART_DATA REGISTER32(CONSOLE_ADDRESS + 0x00)
#define UART_STATE REGISTER32(CONSOLE_ADDRESS + 0x04)
#define UART_CTRL REGISTER32(CONSOLE_ADDRESS + 0x08)
#define UART_BAUDDIV REGISTER32(CONSOLE_ADDRESS + 0x10)
#define UART_STATE_FULL 1u
#define UART_CTRL_TRANSMIT 1u
#define SMALLEST_BAUDDIV 16u

void board_start(void)
{
    UART_BAUDDIV = SMALLEST_BAUDDIV;
    UART_CTRL = UART_CTRL_TRANSMIT;
}

void console_put(char character)
{
    while (UART_STATE & UART_STATE_FULL)
        ;
    UART_DATA = (unsigned char)character;
}
