/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulates random plans and checks what must hold of every outcome; to be compiled with sanitizers. Usage: COUNT.
 * A plan need not make sense: services without inputs, loops, rings that nobody fills.
 */
#include "../../../sim/sizing/model/engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_RINGS 40
#define MOST_NODES 4
#define MOST_SERVICES 3
#define MOST_DEVICES 6
#define MOST_CALLS 3
#define STEPS 7

struct ends {
    int32_t rings[MOST_RINGS];
    int32_t count;
};

static struct sz_ring_plan rings[MOST_RINGS];
static struct sz_service_plan services[MOST_NODES][MOST_SERVICES];
static struct ends required[MOST_NODES][MOST_SERVICES], sampled[MOST_NODES][MOST_SERVICES];
static struct ends outputs[MOST_NODES][MOST_SERVICES], taken[MOST_DEVICES], sent[MOST_DEVICES];
static int64_t hold_ns[MOST_NODES][MOST_SERVICES][MOST_CALLS], rest_ns[MOST_NODES][MOST_SERVICES][MOST_CALLS];
static int64_t take_ns[MOST_NODES][MOST_SERVICES][MOST_CALLS * MOST_RINGS];
static int64_t offsets_ns[MOST_NODES][MOST_SERVICES][MOST_CALLS * MOST_RINGS];
static struct sz_node_plan nodes[MOST_NODES];
static struct sz_device_plan devices[MOST_DEVICES];
static struct sz_lane_plan lanes[MOST_RINGS];
static struct sz_path_plan paths[2];
static struct sz_plan plan;

static struct sz_ring_result ring_results[MOST_RINGS];
static struct sz_path_result path_results[2];
static int64_t levels[MOST_RINGS][17], busy_ns[MOST_NODES + MOST_DEVICES];
static int64_t calls[MOST_NODES * MOST_SERVICES + MOST_DEVICES];
static int32_t series[MOST_RINGS][STEPS];

static uint64_t state;

static int64_t pick(int64_t most)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((state >> 33) % (uint64_t)(most + 1));
}

/* -- a policy: nodes take turns, quantum by quantum ---------------------------------------------------------------- */

static int64_t wake_ns[MOST_NODES], start_ns[MOST_NODES], stop_ns[MOST_NODES];
static uint8_t is_rung[MOST_NODES];

static int64_t next_ns(int64_t now_ns)
{
    for (int32_t i = 0; i < plan.node_count; i++)
        if (is_rung[i] || wake_ns[i] != SZ_NEVER)
            return now_ns;
    return SZ_NEVER;
}

static int64_t decide(int64_t from_ns)
{
    for (int32_t i = 0; i < plan.node_count; i++) {
        const bool is_its_turn = from_ns / plan.quantum_ns % plan.node_count == i;
        start_ns[i] = is_its_turn ? from_ns + pick(plan.quantum_ns / 2) : 0;
        stop_ns[i] = is_its_turn ? from_ns + plan.quantum_ns - pick(plan.quantum_ns / 3) : 0;
    }
    return from_ns + pick(4) * plan.quantum_ns; /* a turn may go on */
}

static void account(int32_t node, int64_t now_ns, int64_t executed_ns)
{
    if (node < 0 || node >= plan.node_count || !nodes[node].is_scheduled || now_ns < 0 || executed_ns < 0)
        abort();
}

static const struct sz_policy_plan policy = {next_ns, decide, account, wake_ns, start_ns, stop_ns, is_rung};

/* -- plans --------------------------------------------------------------------------------------------------------- */

static void add(struct ends *ends, int32_t ring) { ends->rings[ends->count++] = ring; }

static int32_t add_ring(int32_t source, int32_t target)
{
    const int32_t ring = plan.ring_count++;
    rings[ring] = (struct sz_ring_plan){
        source, target, 1 << (1 + pick(3)), (int32_t)pick(2), pick(3) ? 0 : pick(5) * plan.quantum_ns};
    return ring;
}

static void connect(void)
{
    const int32_t node = (int32_t)pick(plan.node_count - 1), service = (int32_t)pick(nodes[node].service_count - 1);
    const int32_t to = (int32_t)pick(plan.node_count - 1), into = (int32_t)pick(nodes[to].service_count - 1);
    struct ends *const inputs = pick(2) ? &required[to][into] : &sampled[to][into];
    const int32_t device = (int32_t)pick(plan.device_count - 1), participant = plan.node_count + device;
    switch (devices[device].kind) {
    case SZ_SENSOR:
        add(&sent[device], add_ring(participant, to));
        add(inputs, sent[device].rings[sent[device].count - 1]);
        break;
    case SZ_SINK:
        add(&outputs[node][service], add_ring(node, participant));
        add(&taken[device], plan.ring_count - 1);
        break;
    default:
        add(&outputs[node][service], add_ring(node, participant));
        add(&taken[device], plan.ring_count - 1);
        add(&sent[device], add_ring(participant, to));
        add(inputs, plan.ring_count - 1);
    }
    if (plan.ring_count < MOST_RINGS && !pick(2)) {
        add(&outputs[node][service], add_ring(node, to));
        add(inputs, plan.ring_count - 1);
    }
}

static void finish_service(int32_t node, int32_t number)
{
    struct sz_service_plan *const service = &services[node][number];
    const int64_t call_count = 1 + pick(MOST_CALLS - 1);
    const int32_t output_count = outputs[node][number].count;
    for (int64_t call = 0; call < call_count; call++) {
        hold_ns[node][number][call] = 1 + pick(2 * plan.quantum_ns);
        rest_ns[node][number][call] = pick(1) * pick(300);
        for (int32_t i = 0; i < required[node][number].count; i++)
            take_ns[node][number][call * required[node][number].count + i] = pick(1) * pick(plan.quantum_ns);
        for (int32_t i = 0; i < output_count; i++)
            offsets_ns[node][number][call * output_count + i] = pick(5) ? pick(2 * plan.quantum_ns) : SZ_NOT_SENT;
    }
    *service = (struct sz_service_plan){
        required[node][number].rings, sampled[node][number].rings, outputs[node][number].rings,
        required[node][number].count, sampled[node][number].count, output_count,
        nodes[node].service_count == 1 && pick(1), call_count, pick(1) * pick(plan.quantum_ns),
        take_ns[node][number], hold_ns[node][number], rest_ns[node][number], offsets_ns[node][number]};
}

static void finish_device(int32_t number)
{
    struct sz_device_plan *const device = &devices[number];
    const int32_t kind = device->kind;
    *device = (struct sz_device_plan){.kind = kind, .interval_numerator = 1 + pick(3 * plan.quantum_ns),
                                      .interval_denominator = 1 + pick(2), .jitter_ns = pick(plan.quantum_ns),
                                      .count = pick(30) - 1, .seed = (uint64_t)pick(1000), .waits = (int32_t)pick(1),
                                      .job_ns = 1 + pick(2 * plan.quantum_ns), .latency_ns = pick(plan.quantum_ns)};
    device->rings = kind == SZ_SENSOR ? sent[number].rings : taken[number].rings;
    device->ring_count = kind == SZ_SENSOR ? sent[number].count : kind == SZ_LINK ? 0 : taken[number].count;
    device->outputs = sent[number].rings;
    device->output_count = kind == SZ_ACCELERATOR ? sent[number].count : 0;
    device->lanes = lanes;
    device->lane_count = kind == SZ_LINK ? sent[number].count : 0;
    for (int32_t i = 0; i < device->lane_count; i++)
        lanes[i] = (struct sz_lane_plan){taken[number].rings[i], sent[number].rings[i], (int32_t)pick(1), 0,
                                         1 + pick(plan.quantum_ns)};
}

static void draw(uint64_t seed)
{
    state = seed;
    memset(required, 0, sizeof required);
    memset(sampled, 0, sizeof sampled);
    memset(outputs, 0, sizeof outputs);
    memset(taken, 0, sizeof taken);
    memset(sent, 0, sizeof sent);
    plan = (struct sz_plan){.quantum_ns = 1000, .duration_ns = 1000 * (20 + pick(200)), .rings = rings,
                            .nodes = nodes, .devices = devices, .paths = paths, .policy = pick(1) ? &policy : NULL,
                            .node_count = 1 + (int32_t)pick(MOST_NODES - 1),
                            .device_count = 3 + (int32_t)pick(MOST_DEVICES - 3)};
    plan.step_ns = (plan.duration_ns + STEPS - 1) / STEPS;
    for (int32_t i = 0; i < plan.node_count; i++) {
        nodes[i] = (struct sz_node_plan){
            .services = services[i],
            .service_count = 1 + (int32_t)pick(MOST_SERVICES - 1),
            .is_scheduled = (int32_t)pick(1),
            .wake_ns = pick(300),
            .bell_ns = pick(1) * pick(300),
            .duty_numerator = 1 + pick(4),
            .duty_denominator = 5,
        };
        if (pick(1))
            nodes[i].duty_numerator = nodes[i].duty_denominator;
    }
    for (int32_t i = 0; i < plan.device_count; i++) /* one link at most: it has all the lanes */
        devices[i].kind = i == 0 ? SZ_SENSOR : i == 1 ? SZ_LINK : (int32_t)pick(SZ_ACCELERATOR);
    while (plan.ring_count < MOST_RINGS - 3 && pick(20))
        connect();
    for (int32_t i = 0; i < plan.node_count; i++)
        for (int32_t j = 0; j < nodes[i].service_count; j++)
            finish_service(i, j);
    for (int32_t i = 0; i < plan.device_count; i++)
        finish_device(i);
    plan.path_count = plan.ring_count ? 2 : 0;
    for (int32_t i = 0; i < plan.path_count; i++)
        paths[i] = (struct sz_path_plan){0, (int32_t)pick(plan.ring_count - 1), (int32_t)pick(plan.ring_count - 1), 0,
                                         pick(1) ? SZ_NEVER : pick(5000)};
}

/* -- outcomes ------------------------------------------------------------------------------------------------------ */

static void must(bool holds, uint64_t seed, const char *what)
{
    if (!holds) {
        fprintf(stderr, "plan %llu: %s\n", (unsigned long long)seed, what);
        exit(1);
    }
}

static void check_ring(uint64_t seed, int32_t ring)
{
    const struct sz_ring_result *const found = &ring_results[ring];
    int64_t total_ns = 0;
    for (int32_t level = 0; level <= rings[ring].depth; level++)
        total_ns += levels[ring][level];
    const int64_t left = found->offered - found->delivered - found->dropped;
    must(total_ns == plan.duration_ns, seed, "levels do not fill the time");
    must(left >= 0 && left <= rings[ring].depth, seed, "tensors came from nowhere or went to it");
    must(found->occupancy_max <= rings[ring].depth, seed, "more than a ring holds");
    must(found->latency.count == found->delivered, seed, "a latency for each that was taken");
    must(found->age.max_ns >= found->latency.max_ns || !found->age.count, seed, "younger than on its last ring");
    must(rings[ring].overflow != SZ_BLOCK || !found->dropped, seed, "a drop where it blocks");
    must(found->refused == found->dropped || rings[ring].overflow == SZ_DROP_OLDEST, seed, "a new one withdrawn");
    must(found->refused <= found->dropped, seed, "refused and not dropped");
    must(rings[ring].overflow == SZ_BLOCK || !found->stalls, seed, "a stall where it drops");
}

static int64_t simulate(uint64_t seed)
{
    struct sz_result result = {ring_results, path_results, busy_ns, calls, 0};
    memset(ring_results, 0, sizeof ring_results);
    memset(path_results, 0, sizeof path_results);
    memset(levels, 0, sizeof levels);
    memset(series, 0, sizeof series);
    memset(busy_ns, 0, sizeof busy_ns);
    memset(calls, 0, sizeof calls);
    for (int32_t i = 0; i < plan.ring_count; i++) {
        ring_results[i].level_ns = levels[i];
        ring_results[i].series = series[i];
    }
    must(!sz_simulate(&plan, &result), seed, "it was not simulated");
    for (int32_t i = 0; i < plan.ring_count; i++)
        check_ring(seed, i);
    for (int32_t i = 0; i < plan.node_count; i++)
        must(busy_ns[i] >= 0 && busy_ns[i] <= plan.duration_ns, seed, "busier than there is time");
    return result.events;
}

int main(int argc, char **argv)
{
    const uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
    int64_t events = 0;
    for (uint64_t seed = 0; seed < count; seed++) {
        draw(seed);
        events += simulate(seed);
    }
    printf("%llu plans, %lld events\n", (unsigned long long)count, (long long)events);
    return 0;
}
