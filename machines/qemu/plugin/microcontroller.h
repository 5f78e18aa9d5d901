/*
 * What the lockstep plugin does for a microcontroller beyond holding it: a window, a counter, a doorbell.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MICROCONTROLLER_H
#define MICROCONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

struct qemu_plugin_tb;

/* Take one key=value argument of the plugin; false if it is none of ours. */
bool mcu_take_argument(const char *argument);

/* Whether the arguments describe a microcontroller. */
bool mcu_present(void);

/* Find what this file needs of QEMU; false after having said what is missing. */
bool mcu_bind(void);

/* Before the first instruction: put the shared regions into the window and find the doorbell's interrupt. */
void mcu_power_on(void);

/* Make a block that was just translated count its instructions. */
void mcu_count(struct qemu_plugin_tb *block);

/* Bring the counter to `instructions`, the exact number; the guest stands still. */
void mcu_set_count(uint64_t instructions);

/* Pend the doorbell's interrupt; the guest stands still, and the caller has the big lock. */
void mcu_ring(void);

#endif
