/*
 * Instructions by which a core says that it waits: asleep, or spinning.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WAITS_H
#define WAITS_H

#include <stdbool.h>

struct qemu_plugin_tb;

/* Find what this file needs of QEMU for `target`, its name of the instruction set; false after having said what is
 * missing. */
bool waits_bind(const char *target);

/* Make a block that was just translated bring QEMU's clock up to date before the core falls asleep in it, and pass the
 * turn on where it spins. */
void waits_watch(struct qemu_plugin_tb *block);

#endif
