/* SPDX-License-Identifier: Apache-2.0 */
/* From boundary to boundary, as sim/host/executive.py does it: the same order of everything. */
#include "world.h"

#define MOST_ROUNDS 1000 /* sim/host/executive.py, _ROUNDS_LIMIT */

uint32_t sz_interface(void) { return SZ_INTERFACE; }

static int64_t earlier(int64_t one, int64_t other) { return one < other ? one : other; }

static bool is_free(const struct world *world, int32_t node)
{
    return !world->plan->policy || !world->plan->nodes[node].is_scheduled;
}

/* -- at a boundary ----------------------------------------------------------------------------------------------- */

static bool take_doorbell(struct world *world, int32_t participant)
{
    const bool was_due = world->is_due[participant];
    world->is_due[participant] = false;
    return was_due;
}

static bool run_devices(struct world *world, bool *acting)
{
    const int32_t count = world->plan->device_count;
    for (int round = 0; round < MOST_ROUNDS; round++) {
        bool any = false;
        for (int32_t i = 0; i < count; i++) {
            acting[i] = take_doorbell(world, world->plan->node_count + i);
            acting[i] |= device_wake_ns(world, &world->devices[i]) <= world->now_ns;
            any |= acting[i];
        }
        if (!any)
            return true;
        for (int32_t i = 0; i < count; i++)
            if (acting[i])
                device_act(world, &world->devices[i]);
        if (world->is_endless)
            return false;
    }
    return false;
}

static bool boundary(struct world *world, bool *acting)
{
    if (!run_devices(world, acting))
        return false;
    for (int32_t i = 0; i < world->plan->node_count; i++)
        if (take_doorbell(world, i)) {
            world->nodes[i].is_rung = true;
            world->nodes[i].clock_ns = world->now_ns;
        }
    return true;
}

/* -- between boundaries ------------------------------------------------------------------------------------------ */

static bool is_busy(const struct node *node) { return node->is_awake || node->owes_bell; }

static bool is_ready(const struct node *node, int64_t at_ns)
{
    return is_busy(node) || node->is_rung || node->due_ns <= at_ns;
}

/* Does the last decision go on in the quantum that begins now? */
static bool goes_on(const struct world *world)
{
    const struct sz_policy_plan *const policy = world->plan->policy;
    const int64_t end_ns = world->now_ns + world->plan->quantum_ns;
    bool any = false;
    if (end_ns > world->lasts_ns)
        return false;
    for (int32_t i = 0; i < world->plan->node_count; i++) {
        const struct node *const node = &world->nodes[i];
        const bool ready = is_ready(node, world->now_ns);
        if (is_free(world, i))
            continue;
        if (ready != node->was_ready || (!ready && node->due_ns < end_ns))
            return false;
        if (node->executed_ns > world->now_ns - world->decided_ns) /* what a duty rounds can be worth more */
            return false;
        any |= ready && policy->start_ns[i] < policy->stop_ns[i];
    }
    return any;
}

static void go_on(const struct world *world)
{
    const struct sz_policy_plan *const policy = world->plan->policy;
    for (int32_t i = 0; i < world->plan->node_count; i++)
        if (policy->start_ns[i] < policy->stop_ns[i]) {
            policy->start_ns[i] = world->now_ns;
            policy->stop_ns[i] = world->now_ns + world->plan->quantum_ns;
        }
}

static void account(struct world *world)
{
    for (int32_t i = 0; i < world->plan->node_count; i++) {
        struct node *const node = &world->nodes[i];
        if (node->has_run)
            world->plan->policy->account(i, world->now_ns, node->executed_ns);
        node->has_run = false;
        node->executed_ns = 0;
    }
}

static int64_t ask_next(struct world *world)
{
    const struct sz_policy_plan *const policy = world->plan->policy;
    account(world);
    for (int32_t i = 0; i < world->plan->node_count; i++) {
        policy->is_rung[i] = world->nodes[i].is_rung;
        policy->wake_ns[i] = is_busy(&world->nodes[i]) ? world->now_ns : world->nodes[i].due_ns;
    }
    return policy->next_ns(world->now_ns);
}

static void decide(struct world *world, int64_t start_ns)
{
    const struct sz_policy_plan *const policy = world->plan->policy;
    for (int32_t i = 0; i < world->plan->node_count; i++) {
        world->nodes[i].was_ready = is_ready(&world->nodes[i], start_ns);
        policy->start_ns[i] = policy->stop_ns[i] = 0;
    }
    world->decided_ns = start_ns;
    world->lasts_ns = policy->decide(start_ns);
}

static int64_t next_boundary(struct world *world)
{
    const int64_t quantum_ns = world->plan->quantum_ns, now_ns = world->now_ns;
    int64_t guest_ns = SZ_NEVER, event_ns = SZ_NEVER;
    for (int32_t i = 0; i < world->plan->node_count; i++)
        if (is_free(world, i))
            guest_ns = earlier(guest_ns, node_wake_ns(&world->nodes[i]));
    if (world->plan->policy)
        guest_ns = earlier(guest_ns, world->goes_on ? now_ns : ask_next(world));
    for (int32_t i = 0; i < world->plan->device_count; i++)
        event_ns = earlier(event_ns, device_wake_ns(world, &world->devices[i]));
    if (guest_ns < now_ns)
        guest_ns = now_ns;
    if (event_ns <= now_ns)
        event_ns = now_ns + 1;
    const int64_t end_ns = world->plan->duration_ns; /* nothing later matters, and sums stay in range */
    const int64_t after_guest = guest_ns >= end_ns ? end_ns : (guest_ns / quantum_ns + 1) * quantum_ns;
    const int64_t at_event = event_ns >= end_ns ? end_ns : (event_ns + quantum_ns - 1) / quantum_ns * quantum_ns;
    return earlier(earlier(after_guest, at_event), end_ns);
}

static void run_scheduled(struct world *world, int32_t number, int64_t target_ns)
{
    const struct sz_policy_plan *const policy = world->plan->policy;
    struct node *const node = &world->nodes[number];
    const int64_t before_ns = *node->busy_ns, start_ns = policy->start_ns[number];
    const int64_t wake_ns = is_busy(node) || node->is_rung ? world->now_ns : node->due_ns;
    if (wake_ns < target_ns && start_ns < policy->stop_ns[number]) {
        node->has_run = true;
        node_run(world, node, start_ns, node_cut_ns(node, start_ns, policy->stop_ns[number]), target_ns);
        node->executed_ns += node_worth_ns(node, *node->busy_ns) - node_worth_ns(node, before_ns);
    }
}

static void run_free(struct world *world, struct node *node, int64_t target_ns)
{
    const int64_t start_ns = target_ns - world->plan->quantum_ns;
    if (node_wake_ns(node) >= target_ns)
        return;
    if (node->plan->duty_numerator == node->plan->duty_denominator)
        node_run(world, node, world->now_ns, target_ns, target_ns);
    else
        node_run(world, node, start_ns, node_cut_ns(node, start_ns, target_ns), target_ns);
}

static void run_nodes(struct world *world, int64_t target_ns)
{
    if (world->goes_on)
        go_on(world);
    else if (world->plan->policy)
        decide(world, target_ns - world->plan->quantum_ns);
    for (int32_t i = 0; i < world->plan->node_count; i++) {
        if (!is_free(world, i))
            run_scheduled(world, i, target_ns);
        else
            run_free(world, &world->nodes[i], target_ns);
    }
}

/* -- all --------------------------------------------------------------------------------------------------------- */

static bool run(struct world *world, bool *acting)
{
    if (!boundary(world, acting))
        return false;
    while (world->now_ns < world->plan->duration_ns && !world->is_out_of_memory) {
        world->goes_on = world->plan->policy && goes_on(world);
        const int64_t target_ns = next_boundary(world);
        run_nodes(world, target_ns);
        if (world->is_endless)
            return false;
        world->now_ns = target_ns;
        if (!boundary(world, acting))
            return false;
        for (int32_t i = 0; i < world->plan->ring_count; i++)
            ring_settle(world, &world->rings[i], target_ns);
    }
    return true;
}

int sz_simulate(const struct sz_plan *plan, struct sz_result *result)
{
    struct world *const world = world_make(plan, result);
    if (!world)
        return -1;
    bool *const acting = world_allocate(world, (size_t)plan->device_count, sizeof *acting);
    /* Everybody has come to life by time 0 and looks at its rings once. */
    for (int32_t i = 0; i < plan->node_count; i++)
        world->nodes[i].is_rung = true;
    const bool came_to_rest = acting && run(world, acting);
    for (int32_t i = 0; i < plan->ring_count && came_to_rest; i++)
        ring_conclude(world, &world->rings[i]);
    for (int32_t i = 0; i < plan->node_count; i++)
        result->busy_ns[i] = node_worth_ns(&world->nodes[i], result->busy_ns[i]);
    for (int32_t i = 0; i < plan->path_count && came_to_rest; i++)
        path_conclude(&world->paths[i]);
    const bool failed = world->is_out_of_memory;
    world_free(world);
    return failed ? -1 : came_to_rest ? 0 : -2;
}
