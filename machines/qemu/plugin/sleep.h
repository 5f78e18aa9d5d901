/*
 * Instructions that put a core to sleep.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SLEEP_H
#define SLEEP_H

#include <stdbool.h>

struct qemu_plugin_tb;

/* Find what this file needs of QEMU for `target`, its name of the instruction set; false after having said what is
 * missing. */
bool sleep_bind(const char *target);

/* Make a block that was just translated bring QEMU's clock up to date before the core falls asleep in it. */
void sleep_watch(struct qemu_plugin_tb *block);

#endif
