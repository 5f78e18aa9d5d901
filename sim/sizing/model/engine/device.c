/* SPDX-License-Identifier: Apache-2.0 */
/* What the host itself plays (machines/native): devices, which act at boundaries. Here: sensors and sinks. */
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

static int64_t sensor_wake_ns(const struct device *device)
{
    int64_t wake_ns = SZ_NEVER;
    for (int32_t i = 0; i < device->plan->ring_count; i++)
        if (!device->outlets[i].is_held_up && device->outlets[i].due_ns < wake_ns)
            wake_ns = device->outlets[i].due_ns;
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
    const int32_t ring = device->plan->rings[number];
    const bool waits = device->plan->waits && world->rings[ring].plan->overflow == SZ_BLOCK;
    const int64_t open_ns = world->rings[ring].plan->open_ns, closed_ns = open_ns < now_ns ? open_ns : now_ns;
    while (!outlet->is_open && !waits && sz_sample_ns(device->plan, outlet->sample + 1) <= closed_ns)
        advance(device, outlet); /* unseen */
    outlet->is_open = ring_is_open(world, ring);
    outlet->is_held_up = !outlet->is_open && outlet->due_ns <= now_ns;
    if (!outlet->is_open)
        return;
    while (outlet->due_ns <= now_ns) {
        const struct message sample = {
            .origin_ns = outlet->due_ns,
            .origin_sequence = outlet->sample,
            .origin = (int32_t)(device - world->devices),
        };
        if (ring_publish(world, ring, &sample, now_ns) == NO_ROOM) {
            outlet->is_held_up = true;
            return;
        }
        advance(device, outlet);
    }
}

/* -- all --------------------------------------------------------------------------------------------------------- */

/* The opening of a ring is a doorbell to whoever sends into it. */
static int64_t opening_ns(const struct world *world, const struct device *device)
{
    const int32_t participant = world->plan->node_count + (int32_t)(device - world->devices);
    int64_t found_ns = SZ_NEVER;
    for (int32_t i = 0; i < world->plan->ring_count && device->acted_ns < device->last_open_ns; i++) {
        const struct sz_ring_plan *const ring = world->rings[i].plan;
        if (ring->source == participant && ring->open_ns > device->acted_ns && ring->open_ns < found_ns)
            found_ns = ring->open_ns;
    }
    return found_ns;
}

static int64_t work_ns(const struct device *device)
{
    switch (device->plan->kind) {
    case SZ_SENSOR:
        return sensor_wake_ns(device);
    case SZ_ACCELERATOR:
        return accelerator_wake_ns(device);
    case SZ_LINK:
        return link_wake_ns(device);
    default:
        return SZ_NEVER;
    }
}

int64_t device_wake_ns(const struct world *world, const struct device *device)
{
    const int64_t due_ns = work_ns(device), open_ns = opening_ns(world, device);
    return due_ns < open_ns ? due_ns : open_ns;
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
        accelerator_act(world, device);
        break;
    default:
        link_act(world, device);
    }
}
