/* SPDX-License-Identifier: Apache-2.0 */
/* FULLY_CONNECTED: a matrix times one or several vectors. */
#include <stddef.h>

#include "layers.h"

void nn_fully_connected(const void *parameters, uint8_t *arena)
{
    const struct nn_fully_connected *p = parameters;
    const size_t rows = p->matrix.rows, depth = p->matrix.depth;
    const int8_t *x = (const int8_t *)arena + p->input;
    int8_t *y = (int8_t *)arena + p->output;
    uint32_t batch = 0;
    for (; batch + 2 <= p->batches; batch += 2, x += 2 * depth, y += 2 * rows) {
        nn_multiply(&p->matrix, x, x + depth, y, y + rows);
    }
    if (batch < p->batches) {
        nn_multiply(&p->matrix, x, NULL, y, NULL);
    }
}
