/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels need of a C library; some toolchains for bare metal have no <string.h>. */
#ifndef NN_MEMORY_H
#define NN_MEMORY_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

#endif
