/* SPDX-License-Identifier: Apache-2.0 */
/* An echo that goes wrong in one of many ways, when it starts or after some tensors. */
#include <string.h>

#include "control.h"
#include "service.h"

INPUT(tensor, uint8, 64)
OUTPUT(result, uint8, 64)
SETTING(way, 0)
SETTING(after, 3)

#define NOWHERE 0x90000000u /* only the mps3-an547 has anything there */

/* tests/e2e/test_mcu_faults.py has the same numbers. */
enum way {
    SOUND,
    WRITE_NOWHERE,
    READ_NOWHERE,
    WRITE_NULL,
    CALL_NULL,
    CALL_NOWHERE,
    CALL_DATA,
    ILLEGAL,
    OVERFLOW,
    SMASH_STACK,
    SPIN,
    SPIN_IDLE,
    GIVE_UP,
    RESET,
};

static uint32_t data[4];

__attribute__((noinline)) static uint32_t deeper(volatile uint32_t *above)
{
    volatile uint32_t frame[16];
    frame[0] = *above + 1;
    return frame[0] ? deeper(frame) + frame[0] : 0;
}

static void illegal(void)
{
#if defined(__xtensa__)
    __asm__ volatile("ill"); /* __builtin_trap is a breakpoint there */
#else
    __builtin_trap();
#endif
}

static void reset(void)
{
#if defined(__arm__)
    *(volatile uint32_t *)0xe000ed0cu = 0x05fa0004u; /* AIRCR: SYSRESETREQ (Armv7-M ARM, B3.2.6) */
#elif defined(__riscv)
    *(volatile uint32_t *)0x100000u = 0x5555u; /* the power-off register of QEMU's virt machine */
#endif
}

static void spin(volatile uint32_t *word, uint32_t value)
{
    for (;;)
        *word = value;
}

static void go_wrong(void)
{
    volatile uint32_t zero = 0;
    switch ((enum way)way) {
    case SOUND:
        break;
    case WRITE_NOWHERE:
        *(volatile uint32_t *)NOWHERE = 1;
        break;
    case READ_NOWHERE:
        zero = *(volatile uint32_t *)NOWHERE;
        break;
    case WRITE_NULL:
        *(volatile uint32_t *)(uintptr_t)zero = 1;
        break;
    case CALL_NULL:
        ((void (*)(void))(uintptr_t)zero)();
        break;
    case CALL_NOWHERE:
        ((void (*)(void))(uintptr_t)(NOWHERE + 1 + zero))();
        break;
    case CALL_DATA:
        memset(data, 0xff, sizeof data);
        ((void (*)(void))((uintptr_t)data + 1))();
        break;
    case ILLEGAL:
        illegal();
        break;
    case OVERFLOW:
        data[0] = deeper(&zero);
        break;
    case SMASH_STACK:
        memset((void *)&zero, 0xff, 512);
        break;
    case SPIN:
        spin(data, 0);
        break;
    case SPIN_IDLE:
        spin(&control.idle, 1);
        break;
    case GIVE_UP:
        panic(42);
    case RESET:
        reset();
        break;
    }
}

void on_start(void)
{
    if (!after)
        go_wrong();
}

void on_tensors(void)
{
    static int32_t count;
    output_send(&result, input_newest(&tensor)->data);
    if (++count == after)
        go_wrong();
}
