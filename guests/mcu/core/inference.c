/* SPDX-License-Identifier: Apache-2.0 */
/* The log of inferences in the control page: what each cost. */
#include "control.h"
#include "service.h"

struct mark {
    uint64_t ns;
    uint32_t instructions;
};

static struct mark whole, layer;
static uint32_t written;

static struct mark mark_now(void)
{
    return (struct mark){.ns = now_ns(), .instructions = instruction_count()};
}

static void write(const struct mark *since, const struct mark *until, uint32_t sequence, uint32_t number)
{
    volatile struct control_inference *entry = &control.inferences[written % CONTROL_LOG_ENTRIES];
    entry->start_ns = since->ns;
    entry->end_ns = until->ns;
    entry->instructions = until->instructions - since->instructions;
    entry->origin_sequence = sequence;
    entry->layer = number;
    control.inference_count = ++written;
}

void inference_begin(void) { whole = layer = mark_now(); }

void inference_layer(uint32_t number)
{
    const struct mark until = mark_now();
    write(&layer, &until, 0, number);
    layer = mark_now();
}

void inference_end(uint64_t origin_sequence)
{
    const struct mark until = mark_now();
    write(&whole, &until, (uint32_t)origin_sequence, CONTROL_WHOLE_INFERENCE);
}

void arena_report(uint32_t bytes, uint32_t high_water)
{
    control.arena_bytes = bytes;
    control.arena_high_water = high_water;
}

/* Called by the kernels' call list if layers are to be measured: guests/mcu/nn/kernels/nn.h. */
void nn_layer_done(unsigned index);
void nn_layer_done(unsigned index) { inference_layer(index); }
