/* SPDX-License-Identifier: Apache-2.0 */
/* PAD and PADV2: a tensor within a larger one. */
#include <stddef.h>

#include "layers.h"
#include "memory.h"

/* Bytes of a padded block of dimensions `from` to 3. */
static size_t padded_bytes(const struct nn_pad *p, int from)
{
    size_t bytes = 1;
    for (int i = from; i < 4; i++) {
        bytes *= (size_t)p->before[i] + p->lengths[i] + p->after[i];
    }
    return bytes;
}

static int8_t *fill(const struct nn_pad *p, int8_t *to, size_t bytes)
{
    memset(to, p->value, bytes);
    return to + bytes;
}

void nn_pad(const void *parameters, uint8_t *arena)
{
    const struct nn_pad *p = parameters;
    const int8_t *from = (const int8_t *)arena + p->input;
    int8_t *to = (int8_t *)arena + p->output;
    const size_t block = padded_bytes(p, 1), plane = padded_bytes(p, 2), line = padded_bytes(p, 3);
    to = fill(p, to, p->before[0] * block);
    for (uint32_t i = 0; i < p->lengths[0]; i++) {
        to = fill(p, to, p->before[1] * plane);
        for (uint32_t j = 0; j < p->lengths[1]; j++) {
            to = fill(p, to, p->before[2] * line);
            for (uint32_t k = 0; k < p->lengths[2]; k++, from += p->lengths[3]) {
                to = fill(p, to, p->before[3]);
                memcpy(to, from, p->lengths[3]);
                to = fill(p, to + p->lengths[3], p->after[3]);
            }
            to = fill(p, to, p->after[2] * line);
        }
        to = fill(p, to, p->after[1] * plane);
    }
    fill(p, to, p->after[0] * block);
}
