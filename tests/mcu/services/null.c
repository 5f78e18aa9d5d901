/* SPDX-License-Identifier: Apache-2.0 */
/* Writes through a null pointer, to where on most cores the code is. */
#include "service.h"

OUTPUT(unused, uint8, 1)

void on_start(void)
{
    volatile uint32_t *volatile nothing = NULL;
    *nothing = 1;
}
