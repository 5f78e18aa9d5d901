/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a converted model on a bare core and compares its outputs with those expected; the result is the exit code. */
#include <stddef.h>

#include "memory.h"
#include "nn.h"

extern const uint8_t given[], expected[]; /* input sets and output sets, one after the other */
extern const uint32_t sets;

_Noreturn void leave(uint32_t code); /* of the core's start-up file */
int main(void);

#define PASSED 0
#define DIFFERENT 3

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    for (; bytes > 0; bytes--) {
        *target++ = *source++;
    }
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    uint8_t *target = to;
    for (; bytes > 0; bytes--) {
        *target++ = (uint8_t)value;
    }
    return to;
}

static int equal(const uint8_t *left, const uint8_t *right, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (left[i] != right[i]) {
            return 0;
        }
    }
    return 1;
}

int main(void)
{
    const uint8_t *input = given, *output = expected;
    for (uint32_t set = 0; set < sets; set++) {
        for (uint32_t i = 0; i < model.input_count; input += model.inputs[i++].bytes) {
            memcpy(model_arena + model.inputs[i].offset, input, model.inputs[i].bytes);
        }
        nn_invoke(&model, model_arena);
        for (uint32_t i = 0; i < model.output_count; output += model.outputs[i++].bytes) {
            if (!equal(model_arena + model.outputs[i].offset, output, model.outputs[i].bytes)) {
                leave(DIFFERENT);
            }
        }
    }
    leave(PASSED);
}
