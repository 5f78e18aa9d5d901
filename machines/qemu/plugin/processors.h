/*
 * The guest's processors do not execute for a while, and its clock, its timers and its devices go on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PROCESSORS_H
#define PROCESSORS_H

#include <stdbool.h>
#include <stdint.h>

/* Find what this file needs of QEMU; false after having said what is missing. */
bool processors_bind(void);

/* Let QEMU's virtual time pass up to until_ns without executing anything; called in a callback of a timer of the
 * virtual clock.  False: QEMU wants to stop the machine, so the callback must end, and ask again in the next one. */
bool processors_skip(uint64_t until_ns);

/* Whether all of them are halted with nothing pending; called in a callback of a timer. */
bool processors_idle(void);

/*
 * The time goes on at a boundary, and all may be asleep: see to it that whose turn is next does not depend on QEMU's main
 * loop.  The caller has the big lock.
 */
void processors_sleep(void);

/* The same, called before the instruction by which one falls asleep, from its thread and without the lock. */
void processors_fall_asleep(void);

#endif
