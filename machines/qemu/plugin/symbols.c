/*
 * Functions of QEMU, found by name: distribution builds export their symbols because they load modules.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include "symbols.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static void *find(const char *name, const char *older_name)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);

    if (!symbol && older_name)
        symbol = dlsym(RTLD_DEFAULT, older_name);
    if (!symbol)
        fprintf(stderr, "lockstep: this QEMU lacks the symbol %s\n", name);
    return symbol;
}

/* ISO C has no conversion from object to function pointer; POSIX (dlsym) says that the representation is shared. */
bool resolve(void *slot, const char *name, const char *older_name)
{
    void *symbol = find(name, older_name);

    memcpy(slot, &symbol, sizeof symbol);
    return symbol != NULL;
}
