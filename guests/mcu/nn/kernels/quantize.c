/* SPDX-License-Identifier: Apache-2.0 */
/* QUANTIZE from and DEQUANTIZE to float32, at the edges of a model: the only floating point here. */
#include <stddef.h>

#include "layers.h"
#include "nn.h"

/* The nearest whole number, halves away from zero, within -1000 .. 1000; not a number becomes -1000. */
static int32_t nearest(float x)
{
    if (!(x > -1000.0f)) {
        return -1000;
    }
    if (x > 1000.0f) {
        return 1000;
    }
    const int32_t whole = (int32_t)x;
    const float rest = x - (float)whole;
    return rest >= 0.5f ? whole + 1 : rest <= -0.5f ? whole - 1 : whole;
}

void nn_quantize_values(const float *values, uint32_t count, float scale, int32_t zero_point, int8_t *elements)
{
    for (uint32_t i = 0; i < count; i++) {
        elements[i] = (int8_t)nn_clamp(nearest(values[i] / scale) + zero_point, INT8_MIN, INT8_MAX);
    }
}

void nn_quantize(const void *parameters, uint8_t *arena)
{
    const struct nn_convert *p = parameters;
    const float *values = (const float *)(const void *)(arena + p->input);
    nn_quantize_values(values, p->count, p->scale, p->zero_point, (int8_t *)arena + p->output);
}

void nn_dequantize(const void *parameters, uint8_t *arena)
{
    const struct nn_convert *p = parameters;
    const int8_t *elements = (const int8_t *)arena + p->input;
    float *values = (float *)(void *)(arena + p->output);
    for (uint32_t i = 0; i < p->count; i++) {
        values[i] = p->scale * (float)(elements[i] - p->zero_point);
    }
}
