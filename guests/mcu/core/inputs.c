/* SPDX-License-Identifier: Apache-2.0 */
/* Input ports: the device side of their rings. */
#include "control.h"
#include "doorbell.h"
#include "ports.h"

const struct tensor *ports_origin;

static void give_back(struct input *input)
{
    input->is_held = false;
    if (vshm_device_give_back(input->device, input->frame.id, input->frame.sequence, now_ns()) > 0)
        doorbell_ring(input->vector);
}

/* Hold the next tensor. A bad one has gone back already and the next is tried; a broken ring gives none. */
static bool take(struct input *input)
{
    struct vshm_frame frame;
    int got;
    do {
        got = vshm_device_take(input->device, &frame, now_ns());
        if (got < 0)
            log_line("input %s: the other side broke the rules, kind %d", input->port->name, -got);
    } while (got <= -VSHM_K_FRAME_HEADER);
    if (vshm_device_announce(input->device))
        doorbell_ring(input->vector);
    if (got <= 0)
        return false;
    if (input->is_held)
        give_back(input);
    input->is_held = true;
    input->frame = frame;
    input->tensor = (struct tensor){
        .data = input->region + frame.payload_offset,
        .bytes = frame.tensor.payload_bytes,
        .zero_point = frame.tensor.zero_point,
        .scale = frame.tensor.scale,
        .sequence = frame.sequence,
        .produced_ns = frame.produced_ns,
        .origin_sequence = frame.origin_sequence,
        .origin_ns = frame.origin_ns,
    };
    return true;
}

bool inputs_collect(void)
{
    bool all = true, any_needed = false, any_new = false;
    ports_origin = NULL;
    for (struct input *const *input = inputs_start; input < inputs_end; input++) {
        if ((*input)->is_optional) {
            while ((*input)->device && take(*input))
                any_new = true; /* the newest counts */
        } else {
            any_needed = true;
            all = ((*input)->is_held || take(*input)) && all;
        }
    }
    if (!(any_needed ? all : any_new))
        return false;
    for (struct input *const *input = inputs_start; input < inputs_end && !ports_origin; input++)
        if ((*input)->is_held && (!any_needed || !(*input)->is_optional))
            ports_origin = &(*input)->tensor;
    return true;
}

void inputs_release(void)
{
    for (struct input *const *input = inputs_start; input < inputs_end; input++)
        if ((*input)->is_held && !(*input)->is_optional)
            give_back(*input);
    ports_origin = NULL;
}

uint64_t inputs_due_ns(void)
{
    uint64_t earliest = 0;
    for (struct input *const *input = inputs_start; input < inputs_end; input++) {
        const uint64_t due = (*input)->device ? vshm_device_due((*input)->device) : 0;
        if (due && (!earliest || due < earliest))
            earliest = due;
    }
    return earliest;
}

const struct tensor *input_newest(struct input *port) { return port->is_held ? &port->tensor : NULL; }
