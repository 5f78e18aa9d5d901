/* SPDX-License-Identifier: Apache-2.0 */
/* Writes to an address where nothing is. */
#include "service.h"

OUTPUT(unused, uint8, 1)

void on_start(void) { *(volatile uint32_t *)0xe8000000u = 1; }
