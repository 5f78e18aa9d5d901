/* SPDX-License-Identifier: Apache-2.0 */
#include "nn.h"

void nn_invoke(const struct nn_model *m, uint8_t *arena)
{
    for (uint32_t i = 0; i < m->layer_count; i++) {
        m->layers[i].kernel(m->layers[i].parameters, arena);
#ifdef NN_PROFILE
        nn_layer_done(i);
#endif
    }
}
