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

/* One of several is about to fall asleep; called before the instruction that makes it, from its thread. */
void processors_sleep(void);

/* The time goes on: whatever has happened at the boundary, the turns of several are dealt anew. */
void processors_go_on(void);

#endif
