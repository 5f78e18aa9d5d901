/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of data memory, handed out once and never taken back. */
#ifndef HEAP_H
#define HEAP_H

#include <stddef.h>

/* Cleared and aligned to 8 bytes, or NULL. */
void *heap_take(size_t bytes);

#endif
