/*
 * Functions of QEMU, found by name: they are no part of its plugin interface.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include <stdbool.h>

/* Look a symbol of QEMU up under its newer or older name and store its address in *slot; or say which one is missing
 * and return false. */
bool resolve(void *slot, const char *name, const char *older_name);

#endif
