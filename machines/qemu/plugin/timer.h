/*
 * QEMU's virtual clock and timers of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>
#include <stdint.h>

/* qemu/timer.h: enum QEMUClockType; larger than any QEMUTimer. */
enum { CLOCK_VIRTUAL = 1, TIMER_BYTES = 512 };

/* Filled with zeros before its first use. */
struct timer {
    void (*callback)(void *opaque);
    bool known; /* to QEMU */
    uint64_t qemu[TIMER_BYTES / sizeof(uint64_t)];
};

/* Find what this file needs of QEMU; false after having said what is missing. */
bool timer_bind(void);

/* Virtual time in nanoseconds. */
uint64_t timer_now(void);

/* Virtual time at which the next timer is due, whoever armed it; UINT64_MAX when there is none. */
uint64_t timer_deadline(void);

/* Call the callback, in the thread of the vCPUs and with the big lock held, once this time has come. */
void timer_arm(struct timer *timer, uint64_t at_ns);

/* Do not call it, if it is armed. */
void timer_cancel(struct timer *timer);

/* From the first to the second one, QEMU does not move the clock of a sleeping guest on: a timer is due. */
void timer_stay(void);
void timer_leave(void);

#endif
