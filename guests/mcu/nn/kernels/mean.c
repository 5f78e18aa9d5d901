/* SPDX-License-Identifier: Apache-2.0 */
/* MEAN over any dimensions. Neighbouring ones that are all kept or all reduced are one here: 3 of each suffice. */
#include <stddef.h>

#include "layers.h"

static int32_t sum_elements(const struct nn_mean *p, const int8_t *first)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < p->reduced[0]; i++) {
        for (uint32_t j = 0; j < p->reduced[1]; j++) {
            const int8_t *element = first + (size_t)i * p->reduced_strides[0] + (size_t)j * p->reduced_strides[1];
            for (uint32_t k = 0; k < p->reduced[2]; k++, element += p->reduced_strides[2]) {
                sum += *element;
            }
        }
    }
    return sum;
}

void nn_mean(const void *parameters, uint8_t *arena)
{
    const struct nn_mean *p = parameters;
    const int8_t *input = (const int8_t *)arena + p->input;
    int8_t *output = (int8_t *)arena + p->output;
    for (uint32_t i = 0; i < p->kept[0]; i++) {
        for (uint32_t j = 0; j < p->kept[1]; j++) {
            const int8_t *first = input + (size_t)i * p->kept_strides[0] + (size_t)j * p->kept_strides[1];
            for (uint32_t k = 0; k < p->kept[2]; k++, first += p->kept_strides[2]) {
                const int32_t mean = nn_requantize(sum_elements(p, first) - p->offset, &p->scale) + p->zero_point;
                *output++ = (int8_t)nn_clamp(mean, INT8_MIN, INT8_MAX);
            }
        }
    }
}
