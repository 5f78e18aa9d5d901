/* SPDX-License-Identifier: Apache-2.0 */
#include "service.h"

OUTPUT(unused, uint8, 1)
SETTING(code, 42)

void on_start(void) { panic(code); }
