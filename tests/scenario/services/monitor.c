/* SPDX-License-Identifier: Apache-2.0 */
/* Stand-in for a safety monitor, for the tests of the language. */
#include "service.h"

INPUT(frame, uint8, 120, 160)
OPTIONAL_INPUT(last, uint8, 8)
OUTPUT(status, uint8, 8)
SETTING(deadline_ms, 100)
SETTING(lowest, -5)

void on_tensors(void)
{
}
