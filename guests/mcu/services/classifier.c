/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a model on every tensor that comes and sends what the model says. Both ports are the model's own tensors. */
#include "nn.h"
#include "service.h"

#include <string.h>

INPUT(input, MODEL_INPUT)
OUTPUT(scores, MODEL_OUTPUT)

void on_start(void)
{
    output_quantization(&scores, model.outputs[0].scale, model.outputs[0].zero_point);
    arena_report(model.arena_bytes, model.arena_bytes);
}

void on_tensors(void)
{
    const struct tensor *tensor = input_newest(&input);
    memcpy(model_arena + model.inputs[0].offset, tensor->data, model.inputs[0].bytes);
    inference_begin();
    nn_invoke(&model, model_arena);
    inference_end(tensor->origin_sequence);
    output_send(&scores, model_arena + model.outputs[0].offset);
}
