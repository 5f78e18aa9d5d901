/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a simulation: made from a plan, gone at its end. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

void *world_allocate(struct world *world, size_t count, size_t bytes)
{
    if (world->allocation_count == world->allocation_capacity) {
        const size_t capacity = world->allocation_capacity ? 2 * world->allocation_capacity : 64;
        void **const larger = realloc(world->allocations, capacity * sizeof *larger);
        if (!larger) {
            world->is_out_of_memory = true;
            return NULL;
        }
        world->allocations = larger;
        world->allocation_capacity = capacity;
    }
    void *const memory = calloc(count ? count : 1, bytes);
    if (memory)
        world->allocations[world->allocation_count++] = memory;
    else
        world->is_out_of_memory = true;
    return memory;
}

void world_free(struct world *world)
{
    if (!world)
        return;
    for (size_t i = 0; i < world->allocation_count; i++)
        free(world->allocations[i]);
    free(world->allocations);
    free(world);
}

static void make_rings(struct world *world)
{
    for (int32_t i = 0; i < world->plan->ring_count; i++) {
        struct ring *const ring = &world->rings[i];
        ring->plan = &world->plan->rings[i];
        ring->result = &world->result->rings[i];
        ring->waiting = world_allocate(world, (size_t)ring->plan->depth, sizeof *ring->waiting);
    }
}

static void make_service(struct world *world, struct service *service)
{
    const struct sz_service_plan *const plan = service->plan;
    service->held = world_allocate(world, (size_t)plan->required_count, sizeof *service->held);
    service->has_held = world_allocate(world, (size_t)plan->required_count, sizeof(bool));
    service->newest = world_allocate(world, (size_t)plan->sampled_count, sizeof *service->newest);
    service->has_newest = world_allocate(world, (size_t)plan->sampled_count, sizeof(bool));
    service->is_due = world_allocate(world, (size_t)plan->output_count, sizeof(bool));
    service->order = world_allocate(world, (size_t)plan->output_count, sizeof(int32_t));
}

static void make_nodes(struct world *world)
{
    int64_t *calls = world->result->calls;
    for (int32_t i = 0; i < world->plan->node_count && !world->is_out_of_memory; i++) {
        struct node *const node = &world->nodes[i];
        node->plan = &world->plan->nodes[i];
        node->busy_ns = &world->result->busy_ns[i];
        node->due_ns = SZ_NEVER;
        node->bell_ns = (int64_t)((__int128)node->plan->bell_ns * node->plan->duty_numerator /
                                  node->plan->duty_denominator);
        node->services = world_allocate(world, (size_t)node->plan->service_count, sizeof *node->services);
        for (int32_t j = 0; j < node->plan->service_count && node->services; j++) {
            node->services[j].plan = &node->plan->services[j];
            node->services[j].taking = SZ_NOBODY;
            node->services[j].calls = calls++;
            make_service(world, &node->services[j]);
        }
    }
    for (int32_t i = 0; i < world->plan->device_count; i++)
        world->devices[i].calls = calls++;
}

static void make_devices(struct world *world)
{
    for (int32_t i = 0; i < world->plan->device_count; i++) {
        struct device *const device = &world->devices[i];
        const struct sz_device_plan *const plan = device->plan = &world->plan->devices[i];
        device->busy_ns = &world->result->busy_ns[world->plan->node_count + i];
        device->outlets = world_allocate(world, (size_t)plan->ring_count, sizeof *device->outlets);
        device->next = world_allocate(world, (size_t)plan->ring_count, sizeof *device->next);
        device->has_next = world_allocate(world, (size_t)plan->ring_count, sizeof(bool));
        device->is_owed = world_allocate(world, (size_t)plan->output_count, sizeof(bool));
        device->lanes = world_allocate(world, (size_t)plan->lane_count, sizeof *device->lanes);
        for (int32_t j = 0; j < plan->lane_count && device->lanes; j++)
            device->lanes[j].plan = &plan->lanes[j];
        for (int32_t j = 0; plan->kind == SZ_SENSOR && j < plan->ring_count && device->outlets; j++)
            device->outlets[j].due_ns = sz_sample_ns(plan, 0);
    }
}

static void note_openings(struct world *world)
{
    for (int32_t i = 0; i < world->plan->ring_count; i++) {
        const struct sz_ring_plan *const ring = &world->plan->rings[i];
        const int32_t device = ring->source - world->plan->node_count;
        if (device >= 0 && ring->open_ns > world->devices[device].last_open_ns)
            world->devices[device].last_open_ns = ring->open_ns;
    }
}

static void make_paths(struct world *world)
{
    for (int32_t i = 0; i < world->plan->path_count; i++) {
        struct path *const path = &world->paths[i];
        path->plan = &world->plan->paths[i];
        path->result = &world->result->paths[i];
        path->first_sent = path->last_arrived = -1;
    }
}

struct world *world_make(const struct sz_plan *plan, struct sz_result *result)
{
    struct world *const world = calloc(1, sizeof *world);
    if (!world)
        return NULL;
    world->plan = plan;
    world->result = result;
    world->rings = world_allocate(world, (size_t)plan->ring_count, sizeof *world->rings);
    world->nodes = world_allocate(world, (size_t)plan->node_count, sizeof *world->nodes);
    world->devices = world_allocate(world, (size_t)plan->device_count, sizeof *world->devices);
    world->paths = world_allocate(world, (size_t)plan->path_count, sizeof *world->paths);
    world->is_due = world_allocate(world, (size_t)(plan->node_count + plan->device_count), sizeof(bool));
    if (!world->is_out_of_memory) {
        make_rings(world);
        make_nodes(world);
        make_devices(world);
        note_openings(world);
        make_paths(world);
    }
    if (world->is_out_of_memory) {
        world_free(world);
        return NULL;
    }
    return world;
}
