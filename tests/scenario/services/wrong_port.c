/* SPDX-License-Identifier: Apache-2.0 */
/* A port of no dtype. */
#include "service.h"

INPUT(frame, byte, 120, 160)

void on_tensors(void)
{
}
