/* SPDX-License-Identifier: Apache-2.0 */
/* Multiplies what it gets by the newest factor, of which there may be none. */
#include "service.h"

INPUT(value, int32, 1)
OPTIONAL_INPUT(factor, int32, 1)
OUTPUT(product, int32, 1)

void on_tensors(void)
{
    const struct tensor *by = input_newest(&factor);
    int32_t *slot = output_reserve(&product);
    if (slot) {
        *slot = *(const int32_t *)input_newest(&value)->data * (by ? *(const int32_t *)by->data : 1);
        output_commit(&product);
    }
}
