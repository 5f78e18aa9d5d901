/*
 * Several vCPUs of a guest take turns, in virtual time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TURNS_H
#define TURNS_H

#include <stdbool.h>

/* Find what this file needs of QEMU; false after having said what is missing. */
bool turns_bind(void);

/* From the first to the second one, nobody's turn it is and none is stopped; called in callbacks of timers. */
void turns_suspend(void);
void turns_go_on(void);

/* A vCPU is about to fall asleep; called before the instruction that makes it, from its thread, without the lock. */
void turns_sleep(void);

/* A vCPU spins; called before the instruction that says so, from its thread, without the lock. */
void turns_pass_on(void);

#endif
