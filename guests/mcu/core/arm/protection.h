/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTECTION_H
#define PROTECTION_H

/* Make a fault of a write to the code, which an emulator may keep in RAM, and of any access to the stack's guard. */
void protect_memory(void);

#endif
