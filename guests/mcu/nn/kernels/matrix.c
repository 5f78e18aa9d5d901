/* SPDX-License-Identifier: Apache-2.0 */
#include "dot.h"
#include "layers.h"
#include "store.h"

/* One or two rows, from `row` on, times one or two columns. */
NN_INLINE void multiply_block(const struct nn_matrix *matrix, uint32_t row, int rows, int columns,
                              const int8_t *const x[2], int8_t *const y[2])
{
    const int32_t first = matrix->bias[row], second = rows > 1 ? matrix->bias[row + 1] : 0;
    struct nn_block block = {
        .w = matrix->weights + row * matrix->depth, .row = (ptrdiff_t)matrix->depth,
        .x = x[0], .column = columns > 1 ? x[1] - x[0] : 0,
        .sum00 = first, .sum01 = first, .sum10 = second, .sum11 = second,
    };
    nn_dot(&block, matrix->depth, rows, columns);
    y[0][row] = nn_store(matrix, row, block.sum00);
    if (columns > 1) {
        y[1][row] = nn_store(matrix, row, block.sum01);
    }
    if (rows > 1) {
        y[0][row + 1] = nn_store(matrix, row + 1, block.sum10);
        if (columns > 1) {
            y[1][row + 1] = nn_store(matrix, row + 1, block.sum11);
        }
    }
}

#if defined(NN_MVE)

/* Four rows at a time, because they are then stored at once; there are enough vector registers for that. */
static void multiply_column(const struct nn_matrix *matrix, const int8_t *x, int8_t *y)
{
    const int8_t *const columns[2] = {x, x};
    int8_t *const outputs[2] = {y, y};
    uint32_t row = 0;
    for (; row + 4 <= matrix->rows; row += 4) {
        int32_t sums[4];
        nn_dot4(matrix->weights + row * matrix->depth, x, matrix->depth, matrix->bias + row, sums);
        nn_store4(matrix, row, sums, y);
    }
    for (; row < matrix->rows; row++) {
        multiply_block(matrix, row, 1, 1, columns, outputs);
    }
}

void nn_multiply(const struct nn_matrix *matrix, const int8_t *x0, const int8_t *x1, int8_t *y0, int8_t *y1)
{
    multiply_column(matrix, x0, y0);
    if (x1) {
        multiply_column(matrix, x1, y1);
    }
}

#else

void nn_multiply(const struct nn_matrix *matrix, const int8_t *x0, const int8_t *x1, int8_t *y0, int8_t *y1)
{
    const int8_t *const x[2] = {x0, x1};
    int8_t *const y[2] = {y0, y1};
    uint32_t row = 0;
    if (x1) {
        for (; row + 2 <= matrix->rows; row += 2) {
            multiply_block(matrix, row, 2, 2, x, y);
        }
        if (row < matrix->rows) {
            multiply_block(matrix, row, 1, 2, x, y);
        }
    } else {
        for (; row + 2 <= matrix->rows; row += 2) {
            multiply_block(matrix, row, 2, 1, x, y);
        }
        if (row < matrix->rows) {
            multiply_block(matrix, row, 1, 1, x, y);
        }
    }
}

#endif
