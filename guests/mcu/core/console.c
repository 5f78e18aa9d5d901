/* SPDX-License-Identifier: Apache-2.0 */
#include "console.h"

#include <stdbool.h>

#include "board.h"
#include "service.h"

#define MOST_DIGITS 20 /* of 2^64 - 1 */

void console_text(const char *text)
{
    while (*text)
        console_put(*text++);
}

/* number /= base, by shifts: not every core divides, and not every compiler has 64-bit division. */
static uint32_t divide(uint64_t *number, uint32_t base)
{
    uint32_t rest = 0;
    uint64_t quotient = 0;
    for (int bit = *number >> 32 ? 63 : 31; bit >= 0; bit--) {
        rest = rest << 1 | (uint32_t)(*number >> bit & 1);
        if (rest >= base) {
            rest -= base;
            quotient |= UINT64_C(1) << bit;
        }
    }
    *number = quotient;
    return rest;
}

static void put_padded(uint64_t number, uint32_t base, bool is_negative, int width, char padding)
{
    char digits[MOST_DIGITS];
    int count = 0;
    do
        digits[count++] = "0123456789abcdef"[divide(&number, base)];
    while (number);
    if (is_negative && padding == '0')
        console_put('-');
    for (int missing = width - count - is_negative; missing > 0; missing--)
        console_put(padding);
    if (is_negative && padding != '0')
        console_put('-');
    while (count)
        console_put(digits[--count]);
}

void console_number(uint64_t number, uint32_t base) { put_padded(number, base, false, 0, ' '); }

/* %d, %u, %x and their long forms; -1 where the letter is none of these. */
static int put_integer(char letter, int longs, int width, char padding, va_list *arguments)
{
    if (letter == 'd' || letter == 'i') {
        const int64_t value = longs > 1 ? va_arg(*arguments, long long) : va_arg(*arguments, int);
        put_padded(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, value < 0, width, padding);
    } else if (letter == 'u' || letter == 'x') {
        const uint64_t value = longs > 1 ? va_arg(*arguments, unsigned long long) : va_arg(*arguments, unsigned);
        put_padded(value, letter == 'u' ? 10 : 16, false, width, padding);
    } else {
        return -1;
    }
    return 0;
}

void console_format(const char *format, va_list arguments)
{
    va_list rest;
    va_copy(rest, arguments);
    for (; *format; format++) {
        if (*format != '%') {
            console_put(*format);
            continue;
        }
        int width = 0, longs = 0;
        const char padding = format[1] == '0' ? '0' : ' ';
        while (*++format >= '0' && *format <= '9')
            width = width * 10 + *format - '0';
        for (; *format == 'l'; format++) /* int and long have 32 bits on every core */
            longs++;
        if (*format == 's')
            console_text(va_arg(rest, const char *));
        else if (*format == 'c')
            console_put((char)va_arg(rest, int));
        else if (put_integer(*format, longs, width, padding, &rest) < 0)
            console_put(*format ? *format : '%');
        if (!*format)
            break;
    }
    va_end(rest);
}

void log_line(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    console_format(format, arguments);
    va_end(arguments);
    console_put('\n');
}
