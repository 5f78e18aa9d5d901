/* SPDX-License-Identifier: Apache-2.0 */
/* Stand-in for a classifier, for the tests of the language. */
#include "service.h"

INPUT(window, MODEL_INPUT)
OPTIONAL_INPUT(row, MODEL_ROW)
OUTPUT(scores, MODEL_OUTPUT)

void on_tensors(void)
{
}
