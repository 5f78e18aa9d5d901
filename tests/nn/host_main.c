/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a converted model on the host: inputs from standard input, outputs to standard output, until it ends. */
#include <stdio.h>

#include "nn.h"

static int read_inputs(void)
{
    for (uint32_t i = 0; i < model.input_count; i++) {
        const struct nn_tensor *input = &model.inputs[i];
        if (fread(model_arena + input->offset, 1, input->bytes, stdin) != input->bytes) {
            return 0;
        }
    }
    return 1;
}

int main(void)
{
    while (read_inputs()) {
        nn_invoke(&model, model_arena);
        for (uint32_t i = 0; i < model.output_count; i++) {
            fwrite(model_arena + model.outputs[i].offset, 1, model.outputs[i].bytes, stdout);
        }
    }
    return 0;
}
