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

enum { NOBODY = -1 };

/* The first one from `first` on, which may lie behind the last, that is neither stopped nor idle; NOBODY if none is. */
int processors_awake(int first);

/* Stop all but one; NOBODY: all.  Called, like all of these, from their thread and with the lock held. */
void processors_stop_but(int index);

/* Undo it. */
void processors_resume(void);

#endif
