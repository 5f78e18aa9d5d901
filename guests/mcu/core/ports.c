/* SPDX-License-Identifier: Apache-2.0 */
/* Which channel belongs to which port. */
#include "ports.h"

#include "control.h"
#include "fault.h"
#include "heap.h"

/* Symbol of the linker script: its address is the size of the window. */
extern const char window_bytes[];

static const uint8_t item_bytes[VSHM_DTYPES] = {
    [VSHM_BOOL] = 1,   [VSHM_UINT8] = 1,  [VSHM_INT8] = 1,    [VSHM_UINT16] = 2,  [VSHM_INT16] = 2,   [VSHM_UINT32] = 4,
    [VSHM_INT32] = 4,  [VSHM_UINT64] = 8, [VSHM_INT64] = 8,   [VSHM_FLOAT16] = 2, [VSHM_FLOAT32] = 4, [VSHM_FLOAT64] = 8,
};

static _Noreturn void refuse(enum control_refusal why, uint32_t number)
{
    fault(FAULT_CHANNEL, CALLER(), 0, number, why);
}

static struct vshm_tensor tensor_of(const struct mcu_port *port)
{
    struct vshm_tensor tensor = {.dtype = port->dtype, .rank = port->rank, .scale = 1.0};
    tensor.payload_bytes = item_bytes[port->dtype];
    for (uint32_t axis = 0; axis < port->rank; axis++) {
        tensor.dimensions[axis] = port->dimensions[axis];
        tensor.payload_bytes *= port->dimensions[axis];
    }
    return tensor;
}

static bool is_named(const struct mcu_port *port, const volatile struct control_channel *channel)
{
    for (uint32_t i = 0; i < CONTROL_PORT_BYTES; i++)
        if (port->name[i] != channel->port[i])
            return false;
    return true;
}

/* The region of a channel whose geometry is possible and that of its port; a fault if it is not. */
static unsigned char *region_of(uint32_t number, const struct vshm_tensor *tensor, struct vshm_layout *layout)
{
    const volatile struct control_channel *channel = &control.channels[number];
    const uint32_t window = (uint32_t)(uintptr_t)window_bytes;
    if (channel->payload_bytes != tensor->payload_bytes ||
        vshm_layout_init(layout, channel->depth, channel->payload_bytes) < 0 ||
        layout->region_bytes > channel->region_bytes || channel->offset < CONTROL_BYTES || channel->offset > window ||
        channel->region_bytes > window - channel->offset || channel->vector >= CONTROL_CHANNELS)
        refuse(REFUSED_GEOMETRY, number);
    return (unsigned char *)(uintptr_t)&control + channel->offset;
}

static void *take_memory(size_t bytes, uint32_t number)
{
    void *const taken = heap_take(bytes);
    if (!taken)
        refuse(REFUSED_MEMORY, number);
    return taken;
}

static void connect_input(struct input *input, uint32_t number)
{
    const struct vshm_tensor expected = tensor_of(input->port);
    struct vshm_layout layout;
    input->region = region_of(number, &expected, &layout);
    input->vector = control.channels[number].vector;
    const struct vshm_device_config config = {
        .depth = layout.depth,
        .payload_bytes = layout.payload_bytes,
        .event_index = 1,
        .revoke = 1,
        .expected = &expected,
    };
    input->device = take_memory(vshm_device_bytes(config.depth), number);
    if (vshm_device_init(input->device, input->region, &config, now_ns()) < 0)
        refuse(REFUSED_GEOMETRY, number);
}

static void connect_output(struct output *output, uint32_t number)
{
    const volatile struct control_channel *entry = &control.channels[number];
    const bool is_first = !output->channels;
    if (is_first)
        output->tensor = tensor_of(output->port);
    else if (!output->copy)
        output->copy = take_memory(output->tensor.payload_bytes, number);
    struct output_channel *const channel = take_memory(sizeof *channel, number);
    channel->region = region_of(number, &output->tensor, &channel->layout);
    channel->vector = entry->vector;
    channel->overflow = entry->overflow;
    const struct vshm_driver_config config = {
        .depth = channel->layout.depth,
        .payload_bytes = channel->layout.payload_bytes,
        .overflow = channel->overflow,
        .event_index = 1,
    };
    channel->driver = take_memory(vshm_driver_bytes(config.depth), number);
    if (vshm_driver_init(channel->driver, channel->region, &config, now_ns()) < 0)
        refuse(REFUSED_GEOMETRY, number);
    channel->next = output->channels;
    output->channels = channel;
}

static void connect(uint32_t number)
{
    const volatile struct control_channel *channel = &control.channels[number];
    if (channel->role == ROLE_CONSUMER)
        for (struct input *const *input = inputs_start; input < inputs_end; input++)
            if (!(*input)->device && is_named((*input)->port, channel)) {
                connect_input(*input, number);
                return;
            }
    if (channel->role == ROLE_PRODUCER)
        for (struct output *const *output = outputs_start; output < outputs_end; output++)
            if (is_named((*output)->port, channel)) {
                connect_output(*output, number);
                return;
            }
    refuse(REFUSED_PORT, number);
}

void ports_connect(void)
{
    for (uint32_t number = 0; number < control.channel_count; number++)
        connect(number);
    for (struct input *const *input = inputs_start; input < inputs_end; input++)
        if (!(*input)->is_optional && !(*input)->device)
            refuse(REFUSED_OPEN, (uint32_t)(input - inputs_start));
}
