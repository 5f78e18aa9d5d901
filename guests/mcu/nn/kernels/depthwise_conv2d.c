/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DEPTHWISE_CONV_2D: every channel has a filter of its own. For each output pixel it is written down first where in
 * the arena the input pixels below the window are (taps); those outside of the picture are a row of zero points.
 */
#include <stddef.h>

#include "layers.h"
#include "memory.h"
#include "store.h"
#include "taps.h"

static void find_taps(const struct nn_depthwise *p, int32_t y, int32_t x, uint32_t outside, uint32_t *taps)
{
    const struct nn_window *window = &p->window;
    int32_t line = y * window->stride_height - window->top;
    for (int32_t i = 0; i < window->height; i++, line += window->dilation_height) {
        int32_t column = x * window->stride_width - window->left;
        for (int32_t j = 0; j < window->width; j++, column += window->dilation_width) {
            const int inside = line >= 0 && line < window->input_height && column >= 0 && column < window->input_width;
            const int32_t pixel = line * window->input_width + column;
            *taps++ = inside ? p->input + (uint32_t)(pixel * window->channels) : outside;
        }
    }
}

/* Channels from `channel` on, one by one; the only way if an input channel has several output channels. */
static void single_channels(const struct nn_depthwise *p, const int8_t *arena, const uint32_t *taps, uint32_t channel,
                            int8_t *output)
{
    const struct nn_matrix *matrix = &p->matrix;
    for (; channel < matrix->rows; channel++) {
        const int8_t *x = arena + channel / p->multiplier, *weight = matrix->weights + channel;
        int32_t sum = matrix->bias[channel];
        for (uint32_t i = 0; i < matrix->depth; i++, weight += matrix->rows) {
            sum += x[taps[i]] * *weight;
        }
        output[channel] = nn_store(matrix, channel, sum);
    }
}

static void all_channels(const struct nn_depthwise *p, const int8_t *arena, const uint32_t *taps, int8_t *output)
{
    const struct nn_matrix *matrix = &p->matrix;
    uint32_t channel = 0;
    for (; p->multiplier == 1 && channel + 4 <= matrix->rows; channel += 4) {
        int32_t sums[4];
        __builtin_memcpy(sums, matrix->bias + channel, sizeof sums);
        nn_sum_taps(arena + channel, taps, matrix->weights + channel, matrix->rows, matrix->depth, sums);
        nn_store4(matrix, channel, sums, output);
    }
    single_channels(p, arena, taps, channel, output);
}

void nn_depthwise_conv2d(const void *parameters, uint8_t *arena)
{
    const struct nn_depthwise *p = parameters;
    const struct nn_window *window = &p->window;
    uint32_t *taps = (uint32_t *)(void *)(arena + p->taps);
    const uint32_t outside = p->taps + p->matrix.depth * (uint32_t)sizeof *taps;
    int8_t *output = (int8_t *)arena + p->output;
    memset(arena + outside, p->input_zero_point, (size_t)window->channels);
    for (int32_t y = 0; y < window->output_height; y++) {
        for (int32_t x = 0; x < window->output_width; x++, output += p->matrix.rows) {
            find_taps(p, y, x, outside, taps);
            all_channels(p, (const int8_t *)arena, taps, output);
        }
    }
}
