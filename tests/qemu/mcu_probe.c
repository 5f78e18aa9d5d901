/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware that does one thing, which the host chooses by a word of the control page that the product leaves free. */
#include <stdint.h>

#define WORD(address) (*(volatile uint32_t *)(address))
#define LONG(address) (*(volatile uint64_t *)(address))
#define COUNTER LONG(WINDOW + 0x0c0)
#define IN_COUNT WORD(WINDOW + 0x040)
#define MODE WORD(WINDOW + 0xc00)
#define ROUNDS WORD(WINDOW + 0xc04)
#define RESULT WORD(WINDOW + 0xc08)
#define SEEN LONG(WINDOW + 0xc10)
#define SHARED WORD(WINDOW + 0x1000)

enum { SLEEP, ADD, FOLLOW, STEADY, MEASURE, TALK, FAULT, SCRIBBLE, POLL, RESET };

#define NOPS 100
#define NOPS_TEXT ".rept 100\n nop\n .endr\n"

#if defined __arm__
#include "mcu_probe_arm.h"
#elif defined __riscv
#include "mcu_probe_riscv.h"
#else
#include "mcu_probe_xtensa.h"
#endif

/* Every round takes as many instructions as the one before, whatever boundaries lie within. */
static void steady(void)
{
    uint64_t last = COUNTER;
    uint32_t before = 0;

    for (;;) {
        uint64_t now = COUNTER;
        uint32_t length = (uint32_t)(now - last);

        last = now;
        RESULT += length != before;
        before = length;
        ROUNDS++;
    }
}

static void sleep(void)
{
    for (;;) {
        wait_for_doorbell();
        SEEN = COUNTER;
        ROUNDS++;
    }
}

void probe(void)
{
    start();
    switch (MODE) {
    case ADD:
        for (;;)
            SHARED++;
    case FOLLOW:
        for (;;)
            RESULT = SHARED;
    case STEADY:
        steady();
        break;
    case MEASURE:
        RESULT = measure();
        break;
    case TALK:
        for (const char *text = "one line\nand another\n"; *text; text++)
            put(*text);
        break;
    case FAULT:
        fault_for_ever();
        break;
    case RESET:
        reset();
        break;
    case SCRIBBLE:
        for (;;) {
            COUNTER = 0x0123456789abcdefu;
            ROUNDS++;
        }
    case POLL:
        for (uint32_t seen = 0;;)
            if (IN_COUNT != seen) {
                seen = IN_COUNT;
                SEEN = COUNTER;
                ROUNDS++;
            }
    }
    sleep();
}
