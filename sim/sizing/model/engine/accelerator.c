/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An accelerator: one tensor after the other (machines/native/accelerator.py). While it is free it holds the oldest
 * tensor of each input and begins with the one that was published first; the slot of that one is free when the job has
 * ended. What went on since the last boundary is made up for at this one.
 */
#include "world.h"

int64_t accelerator_wake_ns(const struct device *device)
{
    return device->is_working && device->end_ns > device->acted_ns ? device->end_ns : SZ_NEVER;
}

/* The job has ended: give its tensor back and send what came out of it. */
static void deliver(struct world *world, struct device *device)
{
    if (!device->is_returned)
        ring_give_back(world, device->job_ring, world->now_ns);
    device->is_returned = true;
    for (int32_t i = 0; i < device->plan->output_count; i++) {
        const int32_t ring = device->plan->outputs[i];
        if (device->is_owed[i] && ring_is_open(world, ring))
            device->is_owed[i] = ring_publish(world, ring, &device->job, world->now_ns) == NO_ROOM;
    }
}

static void serve(struct world *world, struct device *device)
{
    if (device->is_working && device->end_ns <= world->now_ns)
        deliver(world, device);
    for (int32_t i = 0; i < device->plan->ring_count && !device->is_working; i++)
        if (!device->has_next[i])
            device->has_next[i] = ring_take(world, device->plan->rings[i], world->now_ns, &device->next[i]);
}

/* True: the result is with everybody, and the device is free. */
static bool finish(struct world *world, struct device *device)
{
    if (device->end_ns > world->now_ns)
        return false;
    for (int32_t i = 0; i < device->plan->output_count; i++)
        if (device->is_owed[i]) {
            device->is_held_up = true;
            return false;
        }
    device->free_ns[0] = device->is_held_up ? world->now_ns : device->end_ns;
    device->is_working = false;
    return true;
}

/* Begin with the tensor that was published first. False: there is none. */
static bool begin(struct device *device)
{
    int32_t first = SZ_NOBODY;
    for (int32_t i = 0; i < device->plan->ring_count; i++)
        if (device->has_next[i] &&
            (first == SZ_NOBODY || device->next[i].produced_ns < device->next[first].produced_ns))
            first = i;
    if (first == SZ_NOBODY)
        return false;
    device->has_next[first] = false;
    device->job = device->next[first];
    device->job_ring = device->plan->rings[first];
    const int64_t ready_ns = device->job.produced_ns, free_ns = device->free_ns[0];
    device->end_ns = (free_ns > ready_ns ? free_ns : ready_ns) + device->plan->job_ns;
    device->is_working = true;
    device->is_returned = device->is_held_up = false;
    for (int32_t i = 0; i < device->plan->output_count; i++)
        device->is_owed[i] = true;
    *device->busy_ns += device->plan->job_ns;
    (*device->calls)++;
    return true;
}

void accelerator_act(struct world *world, struct device *device)
{
    int64_t steps = 0;
    do
        serve(world, device);
    while ((device->is_working ? finish(world, device) : begin(device)) && ++steps < MOST_STEPS);
    world->is_endless |= steps == MOST_STEPS;
}
