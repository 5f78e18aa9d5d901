/* SPDX-License-Identifier: Apache-2.0 */
/* A service without inputs, for the tests of the language. */
#include "service.h"

OUTPUT(time, uint64, 1)

void on_tensors(void)
{
}
