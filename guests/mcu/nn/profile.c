/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a model once after power-on, on zeros, so that each layer's instructions can be read from the log. */
#include "nn.h"
#include "service.h"

OUTPUT(scores, MODEL_OUTPUT)

void on_start(void)
{
    inference_begin();
    nn_invoke(&model, model_arena);
    inference_end(0);
}

void on_tensors(void) {}
