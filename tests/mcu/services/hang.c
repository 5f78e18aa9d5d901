/* SPDX-License-Identifier: Apache-2.0 */
/* Never comes back. */
#include "service.h"

OUTPUT(unused, uint8, 1)

void on_start(void)
{
    for (;;)
        ;
}
