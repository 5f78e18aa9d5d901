/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of a single 8-bit element (RELU, RELU6, LOGISTIC, a change of scale) are tables of the converter. */
#include "layers.h"

void nn_lookup(const void *parameters, uint8_t *arena)
{
    const struct nn_lookup *p = parameters;
    const uint8_t *input = arena + p->input;
    int8_t *output = (int8_t *)arena + p->output;
    for (uint32_t i = 0; i < p->count; i++) {
        output[i] = p->table[input[i]];
    }
}
