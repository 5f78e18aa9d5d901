/* SPDX-License-Identifier: Apache-2.0 */
/* Executes what is no instruction. */
#include "service.h"

OUTPUT(unused, uint8, 1)

void on_start(void) { __builtin_trap(); }
