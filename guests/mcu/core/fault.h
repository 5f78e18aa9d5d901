/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the firmware's life. */
#ifndef FAULT_H
#define FAULT_H

#include "control.h"

/* Tell host and console what happened, and stand still for ever. Runs on any stack, so it takes little. */
_Noreturn void fault(enum control_fault kind, uint32_t pc, uint32_t lr, uint32_t address, uint32_t status);

/* Within the call of the function that uses this: no call is shorter than two bytes. */
#define CALLER() (((uint32_t)(uintptr_t)__builtin_return_address(0) - 2) & ~1u)

#endif
