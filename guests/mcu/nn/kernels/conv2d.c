/* SPDX-License-Identifier: Apache-2.0 */
/* CONV_2D: every output pixel is a matrix times the patch of the input below the window. */
#include <stddef.h>

#include "layers.h"
#include "memory.h"

/* Copy one row of the window; elements outside of the picture are the zero point, which stands for 0. */
static int8_t *gather_row(const struct nn_conv2d *p, const int8_t *row, int32_t column, int8_t *to)
{
    const struct nn_window *window = &p->window;
    const size_t channels = (size_t)window->channels;
    for (int32_t i = 0; i < window->width; i++, column += window->dilation_width, to += channels) {
        if (row && column >= 0 && column < window->input_width) {
            memcpy(to, row + (size_t)column * channels, channels);
        } else {
            memset(to, p->input_zero_point, channels);
        }
    }
    return to;
}

/* Return the patch of one output pixel: in the input itself if it is contiguous there, else copied to `to`. */
static const int8_t *gather(const struct nn_conv2d *p, const int8_t *input, int32_t y, int32_t x, int8_t *to)
{
    const struct nn_window *window = &p->window;
    const size_t channels = (size_t)window->channels;
    const int32_t top = y * window->stride_height - window->top, left = x * window->stride_width - window->left;
    const int inside = left >= 0 && left + window->width <= window->input_width;
    const int dense = window->dilation_width == 1 && inside;
    if (dense && window->height == 1 && top >= 0 && top < window->input_height) {
        return input + ((size_t)top * (size_t)window->input_width + (size_t)left) * channels;
    }
    int8_t *end = to;
    for (int32_t i = 0; i < window->height; i++) {
        const int32_t line = top + i * window->dilation_height;
        const int8_t *row = NULL;
        if (line >= 0 && line < window->input_height) {
            row = input + (size_t)line * (size_t)window->input_width * channels;
        }
        if (row && dense) {
            memcpy(end, row + (size_t)left * channels, (size_t)window->width * channels);
            end += (size_t)window->width * channels;
        } else {
            end = gather_row(p, row, left, end);
        }
    }
    return to;
}

void nn_conv2d(const void *parameters, uint8_t *arena)
{
    const struct nn_conv2d *p = parameters;
    const int8_t *input = (const int8_t *)arena + p->input;
    int8_t *output = (int8_t *)arena + p->output;
    int8_t *patches = (int8_t *)arena + p->patches;
    const size_t rows = p->matrix.rows;
    const int8_t *first = NULL; /* a patch that waits for its neighbour */
    for (int32_t y = 0; y < p->window.output_height; y++) {
        for (int32_t x = 0; x < p->window.output_width; x++) {
            const int8_t *patch = gather(p, input, y, x, first ? patches + p->matrix.depth : patches);
            if (!first) {
                first = patch;
                continue;
            }
            nn_multiply(&p->matrix, first, patch, output, output + rows);
            output += 2 * rows;
            first = NULL;
        }
    }
    if (first) {
        nn_multiply(&p->matrix, first, NULL, output, NULL);
    }
}
