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
    return node->is_awake || node->is_rung || node->owes_bell ? node->clock_ns : node->due_ns;
}

/* -- duty: a machine that is faster than its partition executes the first part of each slice only ------------------- */

/* Return when a slice ends for a node: sim/host/duty.py. */
int64_t node_cut_ns(struct node *node, int64_t start_ns, int64_t stop_ns)
{
    const int64_t denominator = node->plan->duty_denominator;
    const __int128 exact = (__int128)(stop_ns - start_ns) * node->plan->duty_numerator + node->cut_left;
    node->cut_left = (int64_t)(exact % denominator);
    return start_ns + (int64_t)(exact / denominator);
}

/* Execution time that is had in so much time of the machine. */
int64_t node_worth_ns(const struct node *node, int64_t core_ns)
{
    return (int64_t)((__int128)core_ns * node->plan->duty_denominator / node->plan->duty_numerator);
}

/* Execute up to the next act, or to the end of the slice; returns how long that was. */
static int64_t spend(struct node *node, int64_t stop_ns)
{
    const int64_t numerator = node->plan->duty_numerator, denominator = node->plan->duty_denominator;
    const int64_t room_ns = stop_ns - node->clock_ns;
    const __int128 exact = (__int128)node->todo_ns * numerator + node->spent_left;
    const bool fits = exact < (__int128)room_ns * denominator;
    const int64_t taken_ns = fits ? (int64_t)(exact / denominator) : room_ns;
    const __int128 most_ns = ((__int128)room_ns * denominator - node->spent_left) / numerator;
    const int64_t spent_ns = fits || most_ns > node->todo_ns ? node->todo_ns : (int64_t)most_ns;
    node->spent_left = fits ? (int64_t)(exact % denominator) : 0;
    node->clock_ns += taken_ns;
    node->todo_ns -= spent_ns;
    *node->busy_ns += taken_ns;
    return spent_ns;
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

/* Are all inputs of the next call there? */
static bool is_complete(const struct world *world, const struct node *node, const struct service *service)
{
    const struct sz_service_plan *const plan = service->plan;
    for (int32_t i = 0; i < plan->required_count; i++)
        if (!service->has_held[i] && !ring_has(&world->rings[plan->required[i]], node->clock_ns))
            return false;
    return plan->required_count > 0;
}

/* Execution time up to taking an input: the first one from looking at the service, others from the one before. */
static int64_t take_ns(const struct node *node, const struct service *service, int32_t input)
{
    const struct sz_service_plan *const plan = service->plan;
    if (input == 0 && !node->has_slept)
        return 0; /* that is in the gap after the last call */
    return plan->take_ns[(*service->calls % plan->call_count) * plan->required_count + input];
}

/* Take what is missing of the required tensors: the agent one after the other, firmware all that are there. */
static bool collect(struct world *world, struct service *service, int64_t at_ns)
{
    bool all = true;
    for (int32_t i = 0; i < service->plan->required_count && (all || service->plan->keeps); i++) {
        if (!service->has_held[i])
            service->has_held[i] = ring_take(world, service->plan->required[i], at_ns, &service->held[i]);
        all &= service->has_held[i];
    }
    return all;
}

static void release(struct world *world, struct service *service, int64_t at_ns)
{
    for (int32_t i = 0; i < service->plan->required_count; i++) {
        ring_give_back(world, service->plan->required[i], at_ns);
        service->has_held[i] = false;
    }
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
    if (service->plan->required_count)
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
    service->is_calling = true;
    service->is_unsent = false;
}

/* The next output that the call sends on; none: false. */
static bool find_output(struct service *service)
{
    while (service->next_output < service->plan->output_count &&
           !service->is_due[service->order[service->next_output]])
        service->next_output++;
    return service->next_output < service->plan->output_count;
}

/* Execution time up to this time of the call. */
static int64_t until(struct service *service, int64_t at_ns)
{
    const int64_t left_ns = at_ns > service->elapsed_ns ? at_ns - service->elapsed_ns : 0;
    service->elapsed_ns += left_ns;
    return left_ns;
}

/* Try again what could not be sent. True: all is sent. */
static bool send_rest(struct world *world, struct service *service, int64_t at_ns)
{
    bool is_left = false;
    for (int32_t i = 0; i < service->plan->output_count; i++)
        is_left |= service->is_due[i] && !send(world, service, i, at_ns);
    return !is_left;
}

static void finish(struct world *world, struct node *node, struct service *service)
{
    release(world, service, node->clock_ns);
    node->todo_ns = service->plan->gap_ns + service->plan->rest_ns[*service->calls % service->plan->call_count];
    (*service->calls)++;
    service->is_calling = false;
    node->is_busy = true;
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

/* Let the call go on to its next output, else to its end; a call that could not send all waits for room before that. */
static void proceed(struct world *world, struct node *node, struct service *service)
{
    if (find_output(service)) {
        node->todo_ns = until(service, offsets(service)[service->order[service->next_output]]);
    } else if (service->is_unsent) {
        service->is_calling = false;
        go_on(world, node);
    } else {
        node->todo_ns = until(service, hold_ns(service));
    }
}

/* Get to the next input of a call whose inputs are all there; they are taken one after the other, which takes time. */
static void fetch(struct node *node, struct service *service)
{
    int32_t input = service->taking == SZ_NOBODY ? 0 : service->taking;
    while (service->has_held[input])
        input++;
    service->taking = input;
    node->todo_ns = take_ns(node, service, input);
    service->elapsed_ns += input ? node->todo_ns : 0;
}

static void call(struct world *world, struct node *node, struct service *service)
{
    node->has_slept = false;
    begin(service);
    proceed(world, node, service);
}

static bool has_all(const struct service *service)
{
    for (int32_t i = 0; i < service->plan->required_count; i++)
        if (!service->has_held[i])
            return false;
    return true;
}

/* Take the input that was got to. Its producer may meanwhile have put one from our future in its place. */
static void take(struct world *world, struct node *node, struct service *service)
{
    const int32_t input = service->taking;
    service->has_held[input] =
        ring_take(world, service->plan->required[input], node->clock_ns, &service->held[input]);
    const bool failed = !service->has_held[input];
    if (!failed && !has_all(service)) {
        fetch(node, service);
        return;
    }
    service->taking = SZ_NOBODY;
    if (failed && service->plan->keeps)
        collect(world, service, node->clock_ns);
    if (failed)
        go_on(world, node);
    else
        call(world, node, service);
}

/* Look at a service: begin a call, or go on with sending what the last one returned. */
static void look(struct world *world, struct node *node, struct service *service)
{
    if (service->is_unsent) {
        service->is_unsent = !send_rest(world, service, node->clock_ns);
        service->is_calling = !service->is_unsent;
        if (service->is_calling)
            proceed(world, node, service);
        else
            go_on(world, node);
        return;
    }
    const bool any = refresh(world, service, node->clock_ns);
    service->elapsed_ns = 0;
    if (is_complete(world, node, service))
        fetch(node, service);
    else if (collect(world, service, node->clock_ns) && any)
        call(world, node, service); /* firmware that has sampled inputs only */
    else
        go_on(world, node);
}

/* A call has come to its next output, or to its end. */
static void step(struct world *world, struct node *node, struct service *service)
{
    if (service->next_output == service->plan->output_count) {
        finish(world, node, service);
        go_on(world, node);
        return;
    }
    const bool is_sent = send(world, service, service->order[service->next_output], node->clock_ns);
    if (!is_sent && service->plan->keeps) { /* firmware waits at this very place, until it is rung */
        sleep(world, node);
        node->due_ns = SZ_NEVER;
        return;
    }
    service->is_unsent |= !is_sent;
    service->next_output++;
    proceed(world, node, service);
}

static void act(struct world *world, struct node *node)
{
    struct service *const service = &node->services[node->cursor];
    if (service->is_calling)
        step(world, node, service);
    else if (service->taking != SZ_NOBODY)
        take(world, node, service);
    else
        look(world, node, service);
}

static void wake(struct node *node)
{
    node->is_awake = node->has_slept = true;
    node->is_rung = false;
    node->due_ns = SZ_NEVER;
    node->todo_ns = node->plan->wake_ns;
}

void node_run(struct world *world, struct node *node, int64_t start_ns, int64_t stop_ns, int64_t target_ns)
{
    if (!node->plan->service_count) { /* nothing runs on it */
        node->is_rung = false;
        return;
    }
    if (start_ns > node->clock_ns)
        node->clock_ns = start_ns;
    world->running = node;
    world->last_bell_ns = stop_ns - node->bell_ns;
    ring_owed_bells(world, node);
    if (node->is_awake && node->is_rung) { /* it looks at everything once more before it sleeps */
        node->is_busy = true;
        node->is_rung = false;
    }
    int64_t steps = 0;
    while (node->clock_ns < stop_ns) {
        if (!node->is_awake) {
            if (!node->is_rung && node->due_ns >= stop_ns)
                break;
            if (!node->is_rung && node->due_ns > node->clock_ns)
                node->clock_ns = node->due_ns;
            wake(node);
        }
        const int64_t spent_ns = spend(node, stop_ns);
        if (node->clock_ns < stop_ns && node->is_awake)
            act(world, node);
        steps = spent_ns ? 0 : steps + 1;
        if (steps == MOST_STEPS) {
            world->is_endless = true;
            break;
        }
    }
    node->clock_ns = target_ns;
    world->running = NULL;
}
