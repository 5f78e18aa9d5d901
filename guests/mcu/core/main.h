/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAIN_H
#define MAIN_H

/* Where the start-up code of each architecture goes to: memory is set up, interrupts are masked. */
_Noreturn void firmware_main(void);

#endif
