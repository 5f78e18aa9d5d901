/* SPDX-License-Identifier: Apache-2.0 */
/* ADD of two tensors, either repeated along dimensions that it lacks. */
#include <stddef.h>

#include "layers.h"

#define HEADROOM_BITS 20 /* LiteRT adds with 20 further bits */

static const int8_t *data(const struct nn_addend *addend, const uint8_t *arena)
{
    return addend->constant ? addend->constant : (const int8_t *)arena + addend->offset;
}

static inline int32_t widen(const struct nn_addend *addend, int32_t element)
{
    return nn_requantize((element - addend->zero_point) * (1 << HEADROOM_BITS), &addend->scale);
}

/* Add one innermost line. */
static void add_line(const struct nn_add *p, const int8_t *a, const int8_t *b, int8_t *output)
{
    for (uint32_t i = 0; i < p->lengths[3]; i++) {
        const int32_t sum = widen(&p->a, a[i * p->a.strides[3]]) + widen(&p->b, b[i * p->b.strides[3]]);
        output[i] = (int8_t)nn_clamp(nn_requantize(sum, &p->scale) + p->zero_point, p->minimum, p->maximum);
    }
}

static size_t position(const struct nn_addend *addend, uint32_t i, uint32_t j, uint32_t k)
{
    return (size_t)i * addend->strides[0] + (size_t)j * addend->strides[1] + (size_t)k * addend->strides[2];
}

void nn_add(const void *parameters, uint8_t *arena)
{
    const struct nn_add *p = parameters;
    const int8_t *a = data(&p->a, arena), *b = data(&p->b, arena);
    int8_t *output = (int8_t *)arena + p->output;
    for (uint32_t i = 0; i < p->lengths[0]; i++) {
        for (uint32_t j = 0; j < p->lengths[1]; j++) {
            for (uint32_t k = 0; k < p->lengths[2]; k++, output += p->lengths[3]) {
                add_line(p, a + position(&p->a, i, j, k), b + position(&p->b, i, j, k), output);
            }
        }
    }
}
