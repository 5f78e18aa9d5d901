/* SPDX-License-Identifier: Apache-2.0 */
/* STM32F7: USART (RM0385, section 31.8). */
#include "board.h"

#define USART_CR1 REGISTER32(CONSOLE_ADDRESS + 0x00)
#define USART_BRR REGISTER32(CONSOLE_ADDRESS + 0x0c)
#define USART_ISR REGISTER32(CONSOLE_ADDRESS + 0x1c)
#define USART_TDR REGISTER32(CONSOLE_ADDRESS + 0x28)
#define USART_CR1_ENABLE (1u << 0)
#define USART_CR1_TRANSMIT (1u << 3)
#define USART_ISR_TRANSMIT_EMPTY (1u << 7)
#define SMALLEST_DIVIDER 16u

void board_start(void)
{
    USART_BRR = SMALLEST_DIVIDER;
    USART_CR1 = USART_CR1_ENABLE | USART_CR1_TRANSMIT;
}

void console_put(char character)
{
    while (!(USART_ISR & USART_ISR_TRANSMIT_EMPTY))
        ;
    USART_TDR = (unsigned char)character;
}
