/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people, by the first UART. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdarg.h>
#include <stdint.h>

void console_text(const char *text);
void console_number(uint64_t number, uint32_t base); /* 10 or 16 */
void console_format(const char *format, va_list arguments);

#endif
