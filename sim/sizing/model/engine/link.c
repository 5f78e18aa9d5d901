/* SPDX-License-Identifier: Apache-2.0 */
/* A link: takes tensors from one ring, keeps a wire busy, puts them into another one (machines/native/link.py). */
#include "world.h"

static bool has_arrived(const struct lane *lane, int64_t now_ns)
{
    return lane->flying && lane->flight[0].arrival_ns <= now_ns;
}

int64_t link_wake_ns(const struct device *device)
{
    int64_t wake_ns = SZ_NEVER;
    for (int wire = 0; wire < 2; wire++)
        if (device->free_ns[wire] > device->acted_ns && device->free_ns[wire] < wake_ns)
            wake_ns = device->free_ns[wire];
    for (int32_t i = 0; i < device->plan->lane_count; i++) {
        const struct lane *const lane = &device->lanes[i];
        if (lane->flying && !lane->is_held_up && lane->flight[0].arrival_ns < wake_ns)
            wake_ns = lane->flight[0].arrival_ns;
    }
    return wake_ns;
}

static void note_free(struct lane *lane, int64_t at_ns)
{
    for (int i = 1; i < SZ_LINK_BUFFERS; i++)
        lane->freed_ns[i - 1] = lane->freed_ns[i];
    lane->freed_ns[SZ_LINK_BUFFERS - 1] = at_ns;
}

/* Put what has arrived into its ring. */
static void deliver(struct world *world, struct lane *lane)
{
    const bool was_late = lane->is_held_up, is_open = ring_is_open(world, lane->plan->leaving);
    lane->is_held_up = false;
    while (has_arrived(lane, world->now_ns)) {
        const struct transit *const transit = &lane->flight[0];
        if (!is_open || ring_publish(world, lane->plan->leaving, &transit->message, world->now_ns) == NO_ROOM) {
            lane->is_held_up = true;
            return;
        }
        note_free(lane, was_late ? world->now_ns : transit->arrival_ns);
        lane->flying--;
        for (int32_t i = 0; i < lane->flying; i++)
            lane->flight[i] = lane->flight[i + 1];
    }
}

/* Give back what has been sent, and take what is to be sent next; not before the wire is free. */
static void fetch(struct world *world, const struct device *device, struct lane *lane)
{
    if (device->free_ns[lane->plan->wire] > world->now_ns)
        return;
    if (lane->is_sending) {
        ring_give_back(world, lane->plan->arriving, world->now_ns);
        lane->is_sending = false;
    }
    if (lane->has_next || lane->flying == SZ_LINK_BUFFERS)
        return;
    lane->has_next = ring_take(world, lane->plan->arriving, world->now_ns, &lane->next);
    if (lane->has_next) {
        const int64_t freed_ns = lane->freed_ns[lane->flying];
        lane->ready_ns = lane->next.produced_ns > freed_ns ? lane->next.produced_ns : freed_ns;
    }
}

static void serve(struct world *world, struct device *device)
{
    for (int32_t i = 0; i < device->plan->lane_count; i++) {
        deliver(world, &device->lanes[i]);
        fetch(world, device, &device->lanes[i]);
    }
}

static void send(struct world *world, struct device *device, struct lane *lane)
{
    int64_t *const free_ns = &device->free_ns[lane->plan->wire];
    const int64_t end_ns = (*free_ns > lane->ready_ns ? *free_ns : lane->ready_ns) + lane->plan->wire_ns;
    *free_ns = end_ns;
    lane->has_next = false;
    lane->is_sending = true;
    lane->flight[lane->flying++] = (struct transit){lane->next, end_ns + device->plan->latency_ns};
    int64_t *const busy_ns = &device->wire_busy_ns[lane->plan->wire];
    *busy_ns += lane->plan->wire_ns;
    if (*busy_ns > *device->busy_ns)
        *device->busy_ns = *busy_ns;
    (*device->calls)++;
    world->result->events++;
}

/* Put the tensor that was ready first on a wire that is free. False: there was nothing to start. */
static bool start(struct world *world, struct device *device, int32_t wire)
{
    struct lane *first = NULL;
    for (int32_t i = 0; i < device->plan->lane_count; i++) {
        struct lane *const lane = &device->lanes[i];
        if (lane->plan->wire == wire && lane->has_next && (!first || lane->ready_ns < first->ready_ns))
            first = lane;
    }
    if (!first || device->free_ns[wire] > world->now_ns)
        return false;
    send(world, device, first);
    return true;
}

void link_act(struct world *world, struct device *device)
{
    bool started = true;
    while (started) {
        serve(world, device);
        started = start(world, device, 0);
        started |= start(world, device, 1);
    }
}
