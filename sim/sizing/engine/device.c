/* SPDX-License-Identifier: Apache-2.0 */
/* What the host itself plays (machines/native): sensors, sinks and accelerators, which act at boundaries. */
#include "world.h"

/* -- sensors ----------------------------------------------------------------------------------------------------- */

/* machines/native/splitmix.py */
static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* machines/native/camera.py, next_ns */
static int64_t jitter(const struct sz_device_plan *plan, int64_t sample)
{
    uint64_t state = plan->seed;
    state = next_random(&state) ^ 3;
    state = next_random(&state) ^ (uint64_t)sample;
    return (int64_t)((unsigned __int128)next_random(&state) * ((uint64_t)plan->jitter_ns + 1) >> 64);
}

int64_t sz_sample_ns(const struct sz_device_plan *plan, int64_t sample)
{
    if (plan->count >= 0 && sample >= plan->count)
        return SZ_NEVER;
    const __int128 due = (__int128)sample * plan->interval_numerator / plan->interval_denominator;
    if (due > SZ_NEVER / 2)
        return SZ_NEVER;
    return (int64_t)due + (plan->jitter_ns ? jitter(plan, sample) : 0);
}

static int64_t sensor_wake_ns(const struct world *world, const struct device *device)
{
    int64_t wake_ns = SZ_NEVER;
    for (int32_t i = 0; i < device->plan->ring_count; i++) {
        const struct outlet *const outlet = &device->outlets[i];
        int64_t next_ns = outlet->is_held_up ? SZ_NEVER : outlet->due_ns;
        if (!outlet->is_open && outlet->is_held_up)
            next_ns = world->rings[device->plan->rings[i]].plan->open_ns;
        if (next_ns < wake_ns)
            wake_ns = next_ns;
    }
    return wake_ns;
}

static void advance(const struct device *device, struct outlet *outlet)
{
    outlet->due_ns = sz_sample_ns(device->plan, ++outlet->sample);
}

/* machines/native/participant.py, SensorDevice._serve */
static void sense(struct world *world, struct device *device, int32_t number)
{
    struct outlet *const outlet = &device->outlets[number];
    const int64_t now_ns = world->now_ns;
    while (!outlet->is_open && !device->plan->waits && sz_sample_ns(device->plan, outlet->sample + 1) <= now_ns)
        advance(device, outlet); /* unseen */
    outlet->is_open = world->rings[device->plan->rings[number]].plan->open_ns <= now_ns;
    outlet->is_held_up = !outlet->is_open && outlet->due_ns <= now_ns;
    if (!outlet->is_open)
        return;
    while (outlet->due_ns <= now_ns) {
        const struct message sample = {
            .origin_ns = outlet->due_ns,
            .origin_sequence = outlet->sample,
            .origin = (int32_t)(device - world->devices),
        };
        if (ring_publish(world, device->plan->rings[number], &sample, now_ns) == NO_ROOM) {
            outlet->is_held_up = true;
            return;
        }
        advance(device, outlet);
    }
}

/* -- accelerators ------------------------------------------------------------------------------------------------ */

/* Send the result of the job that has ended. True: nothing of it is left. */
static bool deliver(struct world *world, struct device *device)
{
    bool is_unsent = false;
    for (int32_t i = 0; i < device->plan->output_count; i++)
        if (device->is_due[i]) {
            device->is_due[i] =
                ring_publish(world, device->plan->outputs[i], &device->job, world->now_ns) == NO_ROOM;
            is_unsent |= device->is_due[i];
        }
    device->is_unsent = is_unsent;
    return !is_unsent;
}

/* The ring whose first tensor was published first. */
static int32_t first_ring(struct world *world, const struct device *device)
{
    int32_t found = SZ_NOBODY;
    int64_t published_ns = SZ_NEVER;
    for (int32_t i = 0; i < device->plan->ring_count; i++) {
        const struct ring *const ring = &world->rings[device->plan->rings[i]];
        if (ring->waiting_count && ring->waiting[ring->first].produced_ns < published_ns) {
            found = device->plan->rings[i];
            published_ns = ring->waiting[ring->first].produced_ns;
        }
    }
    return found;
}

static void arm(struct world *world, const struct device *device)
{
    for (int32_t i = 0; i < device->plan->ring_count; i++)
        world->rings[device->plan->rings[i]].is_armed = true;
}

static void compute(struct world *world, struct device *device)
{
    const int64_t now_ns = world->now_ns;
    if (device->is_working && device->free_ns[0] <= now_ns) {
        device->is_working = false;
        for (int32_t i = 0; i < device->plan->output_count; i++)
            device->is_due[i] = true;
        device->is_unsent = true;
    }
    if (device->is_working || (device->is_unsent && !deliver(world, device)))
        return;
    const int32_t ring = first_ring(world, device);
    if (ring == SZ_NOBODY || !ring_take(world, ring, now_ns, &device->job)) {
        arm(world, device);
        return;
    }
    ring_give_back(world, ring, now_ns);
    device->is_working = true;
    device->free_ns[0] = now_ns + device->plan->job_ns;
    *device->busy_ns += device->plan->job_ns;
    (*device->calls)++;
}

/* -- all --------------------------------------------------------------------------------------------------------- */

int64_t device_wake_ns(const struct world *world, const struct device *device)
{
    switch (device->plan->kind) {
    case SZ_SENSOR:
        return sensor_wake_ns(world, device);
    case SZ_ACCELERATOR:
        return device->is_working ? device->free_ns[0] : SZ_NEVER;
    case SZ_LINK:
        return link_wake_ns(device);
    default:
        return SZ_NEVER;
    }
}

static void drain(struct world *world, int32_t ring)
{
    struct message message;
    while (ring_take(world, ring, world->now_ns, &message))
        ring_give_back(world, ring, world->now_ns);
}

void device_act(struct world *world, struct device *device)
{
    device->acted_ns = world->now_ns;
    switch (device->plan->kind) {
    case SZ_SENSOR:
        for (int32_t i = 0; i < device->plan->ring_count; i++)
            sense(world, device, i);
        break;
    case SZ_SINK:
        for (int32_t i = 0; i < device->plan->ring_count; i++)
            drain(world, device->plan->rings[i]);
        break;
    case SZ_ACCELERATOR:
        compute(world, device);
        break;
    default:
        link_act(world, device);
    }
}
