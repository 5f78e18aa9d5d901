/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core asks of a board. The builder defines CONSOLE_ADDRESS and DOORBELL_IRQ from the board's profile, and
 * compiles boards/LAYER.c and doorbells/KIND.c.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

/* A register of a peripheral. */
#define REGISTER32(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* boards/LAYER.c ------------------------------------------------------------------------------------------------- */

/* Make the console ready, and whatever else the board needs after reset. */
void board_start(void);

/* Send one character; waits for room. */
void console_put(char character);

/* doorbells/KIND.c ------------------------------------------------------------------------------------------------ */

/* Let doorbells end doorbell_wait(). */
void doorbell_enable(void);

/* Forget doorbells so far: one that comes after this ends doorbell_wait(). */
void doorbell_clear(void);

/* Wait for a doorbell or return at once; interrupts stay masked. */
void doorbell_wait(void);

/* core/ARCHITECTURE ----------------------------------------------------------------------------------------------- */

/* Switch the core's own counter on. */
void cycles_start(void);

/* The core's own counter: one per instruction on the emulators that use it. */
uint32_t cycle_count(void);

#endif
