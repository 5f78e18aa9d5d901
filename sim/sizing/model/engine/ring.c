/* SPDX-License-Identifier: Apache-2.0 */
/* A ring: what virtio_shm/core does to slots and doorbells, without the memory (docs/ring.md). */
#include "world.h"

static void push(struct world *world, struct times_list *list, int64_t at_ns)
{
    if (list->count == list->capacity) { /* settled ones make room, as long as they are many */
        const size_t left = list->count - list->first;
        int64_t *to = list->at_ns;
        if (2 * left >= list->capacity) {
            list->capacity = list->capacity ? 2 * list->capacity : 16;
            to = world_allocate(world, list->capacity, sizeof *to);
            if (!to)
                return;
        }
        for (size_t i = 0; i < left; i++)
            to[i] = list->at_ns[list->first + i];
        *list = (struct times_list){.at_ns = to, .count = left, .capacity = list->capacity};
    }
    list->at_ns[list->count++] = at_ns;
}

/* -- doorbells --------------------------------------------------------------------------------------------------- */

/* Ring the other end: at once, or when the node that runs gets to it. */
static void bell(struct world *world, int32_t participant, bool *owed, int64_t at_ns)
{
    const bool is_late = world->running && at_ns > world->last_bell_ns;
    if (is_late)
        *owed = world->running->owes_bell = true;
    else
        world->is_due[participant] = true;
}

void ring_owed_bells(struct world *world, struct node *node)
{
    const int32_t number = (int32_t)(node - world->nodes);
    for (int32_t i = 0; i < world->plan->ring_count && node->owes_bell; i++) {
        struct ring *const ring = &world->rings[i];
        if (ring->rings_target && ring->plan->source == number) {
            ring->rings_target = false;
            world->is_due[ring->plan->target] = true;
        }
        if (ring->rings_source && ring->plan->target == number) {
            ring->rings_source = false;
            world->is_due[ring->plan->source] = true;
        }
    }
    node->owes_bell = false;
}

/* -- the producer's side ----------------------------------------------------------------------------------------- */

static void enqueue(struct ring *ring, const struct message *message)
{
    ring->waiting[(ring->first + ring->waiting_count++) % ring->plan->depth] = *message;
}

/* Withdraw the oldest that its consumer has not claimed. False: it has claimed all. */
static bool revoke(struct ring *ring)
{
    const int32_t depth = ring->plan->depth;
    if (ring->waiting_count <= (int32_t)ring->is_parked)
        return false;
    if (ring->is_parked)
        ring->waiting[(ring->first + 1) % depth] = ring->waiting[ring->first];
    ring->first = (ring->first + 1) % depth;
    ring->waiting_count--;
    ring->result->dropped++;
    return true;
}

/* virtio_shm/core/driver.c, wait_for_room: be rung when the next slot comes back. */
static void want_room(struct ring *ring)
{
    ring->result->stalls += !ring->is_stalled;
    ring->is_stalled = ring->is_wanted = true;
}

bool ring_is_open(const struct world *world, int32_t ring)
{
    return world->rings[ring].plan->open_ns <= world->now_ns;
}

enum reserved ring_publish(struct world *world, int32_t number, const struct message *message, int64_t at_ns)
{
    struct ring *const ring = &world->rings[number];
    const bool is_full = ring->in_use == ring->plan->depth;
    if (is_full && ring->plan->overflow == SZ_BLOCK) {
        want_room(ring);
        return NO_ROOM;
    }
    ring->result->offered++;
    world->result->events++;
    if (is_full && (ring->plan->overflow == SZ_DROP_NEWEST || !revoke(ring))) {
        ring->result->dropped++;
        ring->result->refused++;
        return REFUSED;
    }
    if (!is_full) { /* else one comes as another goes */
        ring->in_use++;
        push(world, &ring->taken_up, at_ns);
    }
    ring->is_stalled = ring->is_wanted = false;
    struct message published = *message;
    published.produced_ns = at_ns;
    enqueue(ring, &published);
    path_sent(world, number, &published);
    if (ring->armed_at == ring->published++)
        bell(world, ring->plan->target, &ring->rings_target, at_ns);
    return ROOM;
}

/* -- the consumer's side ----------------------------------------------------------------------------------------- */

bool ring_has(const struct ring *ring, int64_t at_ns)
{
    return ring->waiting_count && ring->waiting[ring->first].produced_ns <= at_ns;
}

bool ring_take(struct world *world, int32_t number, int64_t at_ns, struct message *message)
{
    struct ring *const ring = &world->rings[number];
    if (!ring->is_parked) /* with one at hand it does not look for more: virtio_shm/core/device.c */
        ring->seen = ring->published;
    ring->is_parked = ring->waiting_count && ring->waiting[ring->first].produced_ns > at_ns;
    if (!ring->waiting_count || ring->is_parked) {
        ring->armed_at = ring->seen;
        return false;
    }
    *message = ring->waiting[ring->first];
    ring->first = (ring->first + 1) % ring->plan->depth;
    ring->waiting_count--;
    ring->result->delivered++;
    world->result->events++;
    histogram_add(world, &ring->latency, at_ns - message->produced_ns);
    if (message->origin != SZ_NOBODY)
        histogram_add(world, &ring->age, at_ns - message->origin_ns);
    path_taken(world, number, message, at_ns);
    return true;
}

int64_t ring_due_ns(const struct ring *ring)
{
    return ring->is_parked ? ring->waiting[ring->first].produced_ns : SZ_NEVER;
}

void ring_give_back(struct world *world, int32_t number, int64_t at_ns)
{
    struct ring *const ring = &world->rings[number];
    ring->in_use--;
    push(world, &ring->freed, at_ns);
    world->result->events++;
    if (ring->is_wanted) {
        ring->is_wanted = false;
        bell(world, ring->plan->source, &ring->rings_source, at_ns);
    }
}

/* -- occupancy --------------------------------------------------------------------------------------------------- */

/* Let the level stand up to `until_ns`. */
static void stand(struct world *world, struct ring *ring, int64_t until_ns)
{
    /* A producer may find a slot free that its consumer gave back later in the same quantum: sim/host/channel.py. */
    const int32_t level = ring->level < ring->plan->depth ? ring->level : ring->plan->depth;
    const int64_t step_ns = world->plan->step_ns;
    if (until_ns <= ring->since_ns)
        return;
    ring->result->level_ns[level] += until_ns - ring->since_ns;
    if (level > ring->result->occupancy_max)
        ring->result->occupancy_max = level;
    if (ring->result->series && level)
        for (int64_t step = ring->since_ns / step_ns; step * step_ns < until_ns; step++)
            if (ring->result->series[step] < level)
                ring->result->series[step] = level;
    ring->since_ns = until_ns;
}

void ring_settle(struct world *world, struct ring *ring, int64_t until_ns)
{
    struct times_list *const up = &ring->taken_up, *const down = &ring->freed;
    for (;;) {
        const int64_t next_up = up->first < up->count ? up->at_ns[up->first] : SZ_NEVER;
        const int64_t next_down = down->first < down->count ? down->at_ns[down->first] : SZ_NEVER;
        const int64_t next_ns = next_up < next_down ? next_up : next_down;
        if (next_ns >= until_ns)
            break;
        stand(world, ring, next_ns);
        for (; up->first < up->count && up->at_ns[up->first] == next_ns; up->first++)
            ring->level++;
        for (; down->first < down->count && down->at_ns[down->first] == next_ns; down->first++)
            ring->level--;
    }
    if (up->first == up->count)
        up->first = up->count = 0;
    if (down->first == down->count)
        down->first = down->count = 0;
}

void ring_conclude(struct world *world, struct ring *ring)
{
    ring_settle(world, ring, world->plan->duration_ns + 1); /* with what happened at the very end */
    stand(world, ring, world->plan->duration_ns);
    const int32_t level = ring->level < ring->plan->depth ? ring->level : ring->plan->depth;
    if (level > ring->result->occupancy_max)
        ring->result->occupancy_max = level;
    histogram_sum_up(&ring->latency, &ring->result->latency);
    histogram_sum_up(&ring->age, &ring->result->age);
}
