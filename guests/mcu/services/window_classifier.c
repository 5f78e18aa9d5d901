/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a model on a window that slides over a stream of samples, such as those of a motion sensor. A sample is one row
 * of the model's input (its last dimension) in float32; the window holds the newest ones. The first inference follows
 * when the window is full, the next ones every `stride` samples.
 */
#include "nn.h"
#include "service.h"

#include <string.h>

INPUT(sample, MODEL_ROW)
OUTPUT(scores, MODEL_OUTPUT)
SETTING(stride, 10)

_Static_assert(stride > 0, "stride must be at least 1");

#define PANIC_NOT_INT8 1 /* the model's input is not int8 */

static int8_t window[MODEL_INPUT_BYTES]; /* rows in a circle, the oldest at `at` */
static uint32_t at;
static uint32_t wanted; /* samples until the next inference */

void on_start(void)
{
    if (model.inputs[0].dtype != VSHM_INT8) {
        panic(PANIC_NOT_INT8);
    }
    wanted = MODEL_INPUT_BYTES / MODEL_ROW_ELEMENTS;
    output_quantization(&scores, model.outputs[0].scale, model.outputs[0].zero_point);
    arena_report(model.arena_bytes, model.arena_bytes);
}

void on_tensors(void)
{
    const struct nn_tensor *input = &model.inputs[0];
    const struct tensor *tensor = input_newest(&sample);
    nn_quantize_values(tensor->data, MODEL_ROW_ELEMENTS, input->scale, input->zero_point, window + at);
    at = (at + MODEL_ROW_ELEMENTS) % MODEL_INPUT_BYTES;
    if (--wanted > 0) {
        return;
    }
    wanted = stride;
    uint8_t *to = model_arena + input->offset;
    memcpy(to, window + at, MODEL_INPUT_BYTES - at);
    memcpy(to + MODEL_INPUT_BYTES - at, window, at);
    inference_begin();
    nn_invoke(&model, model_arena);
    inference_end(tensor->origin_sequence);
    output_send(&scores, model_arena + model.outputs[0].offset);
}
