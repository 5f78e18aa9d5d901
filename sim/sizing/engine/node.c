/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node: the loop of a Linux guest's agent (guests/linux/agent/runtime.py) or of firmware (guests/mcu/core/main.c).
 * It looks at one service after the other, each may make a call; when none has made one, it sleeps until it is rung or
 * a tensor from its future comes due.
 */
#include "world.h"

static int64_t earlier(int64_t one, int64_t other) { return one < other ? one : other; }

int64_t node_wake_ns(const struct node *node)
{
    return node->is_awake || node->is_rung ? node->clock_ns : node->due_ns;
}

static const int64_t *offsets(const struct service *service)
{
    const struct sz_service_plan *plan = service->plan;
    return plan->offsets_ns + (*service->calls % plan->call_count) * plan->output_count;
}

static int64_t hold_ns(const struct service *service)
{
    return service->plan->hold_ns[*service->calls % service->plan->call_count];
}

/* -- taking and giving back -------------------------------------------------------------------------------------- */

/* Take all that has come on the sampled rings and keep the newest of each. True: there was something. */
static bool refresh(struct world *world, struct service *service, int64_t at_ns)
{
    bool any = false;
    for (int32_t i = 0; i < service->plan->sampled_count; i++) {
        const int32_t ring = service->plan->sampled[i];
        struct message message;
        while (ring_take(world, ring, at_ns, &message)) {
            if (service->has_newest[i])
                ring_give_back(world, ring, at_ns);
            service->has_newest[i] = any = true;
            service->newest[i] = message;
        }
    }
    return any;
}

/* Take what is missing of the required tensors. True: all are there. */
static bool collect(struct world *world, struct service *service, int64_t at_ns)
{
    for (; service->held_count < service->plan->required_count; service->held_count++)
        if (!ring_take(world, service->plan->required[service->held_count], at_ns,
                       &service->held[service->held_count]))
            return false;
    return true;
}

static void release(struct world *world, struct service *service, int64_t at_ns)
{
    for (int32_t i = 0; i < service->held_count; i++)
        ring_give_back(world, service->plan->required[i], at_ns);
    service->held_count = 0;
    for (int32_t i = 0; i < service->plan->sampled_count && !service->plan->keeps; i++)
        if (service->has_newest[i]) {
            ring_give_back(world, service->plan->sampled[i], at_ns);
            service->has_newest[i] = false;
        }
}

/* -- calling ----------------------------------------------------------------------------------------------------- */

static const struct message *origin(const struct service *service)
{
    static const struct message unknown = {.origin = SZ_NOBODY};
    if (service->held_count)
        return &service->held[0];
    for (int32_t i = 0; i < service->plan->sampled_count; i++)
        if (service->has_newest[i])
            return &service->newest[i];
    return &unknown;
}

/* True: sent, or dropped as its ring is full. */
static bool send(struct world *world, struct service *service, int32_t output, int64_t at_ns)
{
    if (ring_publish(world, service->plan->outputs[output], origin(service), at_ns) == NO_ROOM)
        return false;
    service->is_due[output] = false;
    return true;
}

static void begin(struct service *service)
{
    const int64_t *const offset = offsets(service);
    for (int32_t i = 0; i < service->plan->output_count; i++) {
        service->is_due[i] = offset[i] != SZ_NOT_SENT;
        int32_t place = i;
        for (; place > 0 && offset[service->order[place - 1]] > offset[i]; place--)
            service->order[place] = service->order[place - 1];
        service->order[place] = i;
    }
    service->next_output = 0;
    service->elapsed_ns = 0;
    service->is_calling = true;
    service->is_unsent = false;
}

/* Execution time up to the next output, or to the end of the call. */
static int64_t next_ns(struct service *service)
{
    const int64_t *const offset = offsets(service);
    while (service->next_output < service->plan->output_count &&
           !service->is_due[service->order[service->next_output]])
        service->next_output++;
    const bool sends = service->next_output < service->plan->output_count;
    const int64_t at_ns = sends ? offset[service->order[service->next_output]] : hold_ns(service);
    const int64_t left_ns = at_ns - service->elapsed_ns;
    service->elapsed_ns += left_ns > 0 ? left_ns : 0;
    return left_ns > 0 ? left_ns : 0;
}

/* End a call, unless something could not be sent: then it waits for room with all that it holds. */
static void finish(struct world *world, struct node *node, struct service *service)
{
    bool is_left = false;
    for (int32_t i = 0; i < service->plan->output_count && service->is_unsent; i++)
        is_left |= service->is_due[i] && !send(world, service, i, node->clock_ns);
    if (is_left)
        return;
    release(world, service, node->clock_ns);
    (*service->calls)++;
    service->is_calling = service->is_unsent = false;
    node->is_busy = true;
    node->todo_ns = service->plan->gap_ns;
}

/* -- the loop ---------------------------------------------------------------------------------------------------- */

static void sleep(struct world *world, struct node *node)
{
    node->is_awake = false;
    node->due_ns = SZ_NEVER;
    for (int32_t i = 0; i < node->plan->service_count; i++) {
        const struct sz_service_plan *const plan = node->services[i].plan;
        if (node->services[i].is_calling || node->services[i].is_unsent)
            continue; /* it waits for room */
        for (int32_t j = 0; j < plan->required_count; j++)
            node->due_ns = earlier(node->due_ns, ring_due_ns(&world->rings[plan->required[j]]));
        for (int32_t j = 0; j < plan->sampled_count; j++)
            node->due_ns = earlier(node->due_ns, ring_due_ns(&world->rings[plan->sampled[j]]));
    }
}

static void go_on(struct world *world, struct node *node)
{
    if (++node->cursor < node->plan->service_count)
        return;
    node->cursor = 0;
    if (!node->is_busy)
        sleep(world, node);
    node->is_busy = false;
}

/* Look at a service: begin a call, or go on with sending what the last one returned. */
static void look(struct world *world, struct node *node, struct service *service)
{
    if (service->is_unsent) {
        finish(world, node, service);
        go_on(world, node);
        return;
    }
    const bool any = refresh(world, service, node->clock_ns);
    if (collect(world, service, node->clock_ns) && (service->plan->required_count || any)) {
        begin(service);
        node->todo_ns = next_ns(service);
    } else {
        go_on(world, node);
    }
}

/* A call has come to its next output, or to its end. */
static void step(struct world *world, struct node *node, struct service *service)
{
    if (service->next_output < service->plan->output_count) {
        if (send(world, service, service->order[service->next_output], node->clock_ns)) {
            service->next_output++;
            node->todo_ns = next_ns(service);
        } else if (service->plan->keeps) { /* firmware waits at this very place */
            sleep(world, node);
        } else {
            service->is_unsent = true;
            service->next_output++;
            node->todo_ns = next_ns(service);
        }
        return;
    }
    service->is_calling = false;
    finish(world, node, service);
    go_on(world, node);
}

static void act(struct world *world, struct node *node)
{
    struct service *const service = &node->services[node->cursor];
    if (service->is_calling)
        step(world, node, service);
    else
        look(world, node, service);
}

static void wake(struct node *node)
{
    node->is_awake = true;
    node->is_rung = false;
    node->due_ns = SZ_NEVER;
    node->todo_ns = node->plan->wake_ns;
}

void node_run(struct world *world, struct node *node, int64_t start_ns, int64_t stop_ns, int64_t target_ns)
{
    if (start_ns > node->clock_ns)
        node->clock_ns = start_ns;
    if (node->is_awake && node->is_rung) { /* it looks at everything once more before it sleeps */
        node->is_busy = true;
        node->is_rung = false;
    }
    while (node->clock_ns < stop_ns) {
        if (!node->is_awake) {
            if (!node->is_rung && node->due_ns >= stop_ns)
                break;
            if (!node->is_rung && node->due_ns > node->clock_ns)
                node->clock_ns = node->due_ns;
            wake(node);
        }
        const int64_t room_ns = stop_ns - node->clock_ns;
        const int64_t spent_ns = earlier(node->todo_ns, room_ns);
        node->clock_ns += spent_ns;
        node->todo_ns -= spent_ns;
        *node->busy_ns += spent_ns;
        if (node->clock_ns < stop_ns && node->is_awake)
            act(world, node);
    }
    node->clock_ns = target_ns;
}
