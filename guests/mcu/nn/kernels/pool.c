/* SPDX-License-Identifier: Apache-2.0 */
/* MAX_POOL_2D and AVERAGE_POOL_2D. Elements outside of the picture do not count. */
#include <stddef.h>

#include "layers.h"

/* The part of the window that lies within the picture; never empty. */
struct part {
    const int8_t *first;
    int32_t height, width;
    size_t line; /* bytes from one line to the next */
};

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static struct part clip(const struct nn_window *window, const int8_t *input, int32_t y, int32_t x)
{
    const int32_t top = y * window->stride_height - window->top, left = x * window->stride_width - window->left;
    const int32_t first_line = larger(top, 0), first_column = larger(left, 0);
    const size_t line = (size_t)window->input_width * (size_t)window->channels;
    const struct part part = {
        .first = input + (size_t)first_line * line + (size_t)first_column * (size_t)window->channels,
        .height = smaller(top + window->height, window->input_height) - first_line,
        .width = smaller(left + window->width, window->input_width) - first_column,
        .line = line,
    };
    return part;
}

static int32_t maximum(const struct part *part, size_t channels, int32_t channel)
{
    const int8_t *line = part->first + channel;
    int32_t most = INT8_MIN;
    for (int32_t i = 0; i < part->height; i++, line += part->line) {
        const int8_t *element = line;
        for (int32_t j = 0; j < part->width; j++, element += channels) {
            most = larger(most, *element);
        }
    }
    return most;
}

/* Rounded to the nearest, halves away from zero. */
static int32_t average(const struct part *part, size_t channels, int32_t channel)
{
    const int8_t *line = part->first + channel;
    const int32_t count = part->height * part->width;
    int32_t sum = 0;
    for (int32_t i = 0; i < part->height; i++, line += part->line) {
        const int8_t *element = line;
        for (int32_t j = 0; j < part->width; j++, element += channels) {
            sum += *element;
        }
    }
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

static void pool(const struct nn_pool *p, uint8_t *arena,
                 int32_t (*combine)(const struct part *, size_t channels, int32_t channel))
{
    const struct nn_window *window = &p->window;
    const int8_t *input = (const int8_t *)arena + p->input;
    int8_t *output = (int8_t *)arena + p->output;
    for (int32_t y = 0; y < window->output_height; y++) {
        for (int32_t x = 0; x < window->output_width; x++) {
            const struct part part = clip(window, input, y, x);
            for (int32_t channel = 0; channel < window->channels; channel++) {
                const int32_t result = combine(&part, (size_t)window->channels, channel);
                *output++ = (int8_t)nn_clamp(result, p->minimum, p->maximum);
            }
        }
    }
}

void nn_max_pool(const void *parameters, uint8_t *arena)
{
    pool(parameters, arena, maximum);
}

void nn_average_pool(const void *parameters, uint8_t *arena)
{
    pool(parameters, arena, average);
}
