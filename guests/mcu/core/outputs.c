/* SPDX-License-Identifier: Apache-2.0 */
/* Output ports: the driver side of their rings. */
#include <string.h>

#include "control.h"
#include "doorbell.h"
#include "ports.h"
#include "shared.h"

static void announce(struct output_channel *channel)
{
    if (vshm_driver_announce(channel->driver))
        doorbell_ring(channel->vector);
}

void outputs_poll(void)
{
    for (struct output *const *output = outputs_start; output < outputs_end; output++)
        for (struct output_channel *channel = (*output)->channels; channel; channel = channel->next) {
            vshm_driver_poll(channel->driver, now_ns());
            announce(channel);
        }
}

/* Get a slot of one channel: if need be after waiting where it blocks, else the tensor may be dropped by the ring. */
static void reserve(struct output_channel *channel)
{
    for (;;) {
        const uint32_t count = doorbell_count();
        const int slot = vshm_driver_reserve(channel->driver, now_ns());
        announce(channel);
        if (slot > 0)
            channel->slot = channel->region + channel->layout.slots +
                            (uint32_t)(slot - 1) * channel->layout.slot_bytes + VSHM_FRAME_BYTES;
        channel->is_refused = !slot && channel->overflow != VSHM_BLOCK;
        if (slot || channel->is_refused)
            return;
        doorbell_sleep(count, 0);
        control.heartbeat++;
    }
}

/* The next tensor is another one. Until then a ring that has dropped this one must not be asked, and count, once more. */
static void forget_refusals(struct output *port)
{
    for (struct output_channel *channel = port->channels; channel; channel = channel->next)
        channel->is_refused = false;
}

void *output_reserve(struct output *port)
{
    unsigned char *slot = NULL;
    for (struct output_channel *channel = port->channels; channel; channel = channel->next) {
        if (!channel->slot && !channel->is_refused)
            reserve(channel);
        if (channel->slot)
            slot = channel->slot;
    }
    if (!slot)
        forget_refusals(port);
    return slot && port->copy ? port->copy : slot;
}

bool output_commit(struct output *port)
{
    const struct tensor *from = ports_origin;
    const uint64_t sequence = from ? from->origin_sequence : 0, at_ns = from ? from->origin_ns : 0;
    bool sent = false;
    for (struct output_channel *channel = port->channels; channel; channel = channel->next) {
        if (!channel->slot)
            continue;
        if (port->copy)
            memcpy(channel->slot, port->copy, port->tensor.payload_bytes);
        channel->slot = NULL;
        if (vshm_driver_commit(channel->driver, &port->tensor, sequence, at_ns, from != NULL, now_ns()) > 0)
            doorbell_ring(channel->vector);
        sent = true;
    }
    forget_refusals(port);
    return sent;
}

bool output_send(struct output *port, const void *data)
{
    void *const slot = output_reserve(port);
    if (!slot)
        return false;
    memcpy(slot, data, port->tensor.payload_bytes);
    return output_commit(port);
}

void output_quantization(struct output *port, double scale, int32_t zero_point)
{
    port->tensor.scale = scale;
    port->tensor.zero_point = zero_point;
}

bool output_connected(const struct output *port) { return port->channels != NULL; }
