/* SPDX-License-Identifier: Apache-2.0 */
/* No interrupt: the counts of the control page are looked at again and again. */
#include "board.h"

void doorbell_enable(void) {}
void doorbell_clear(void) {}
void doorbell_wait(void) {}
