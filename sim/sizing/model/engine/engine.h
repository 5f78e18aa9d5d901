/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model's engine: simulates a plan (sim/sizing/plan/__init__.py) from boundary to boundary, in the order in which
 * sim/host/executive.py does it. Nothing here is hostile: Python builds the plan. Times are int64_t nanoseconds.
 *
 * interface.py has the same structures; a change here is a change there and a new SZ_INTERFACE.
 */
#ifndef SIZING_ENGINE_H
#define SIZING_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SZ_INTERFACE 7u
#define SZ_NEVER INT64_MAX
#define SZ_NOT_SENT (-1)
#define SZ_NOBODY (-1)
#define SZ_LINK_BUFFERS 8 /* machines/native/link.py, BUFFERS */

enum sz_overflow { SZ_BLOCK, SZ_DROP_NEWEST, SZ_DROP_OLDEST };
enum sz_kind { SZ_SENSOR, SZ_SINK, SZ_ACCELERATOR, SZ_LINK };

/* -- what is simulated ------------------------------------------------------------------------------------------- */

/* Participants are numbered: nodes first, then devices, both in the order of the plan. */
struct sz_ring_plan {
    int32_t source, target, depth, overflow;
    int64_t open_ns;
};

struct sz_service_plan {
    const int32_t *required, *sampled, *outputs; /* rings */
    int32_t required_count, sampled_count, output_count, keeps;
    int64_t call_count, gap_ns;
    const int64_t *take_ns;    /* [call_count][required_count] */
    const int64_t *hold_ns;    /* [call_count] */
    const int64_t *rest_ns;    /* [call_count] */
    const int64_t *offsets_ns; /* [call_count][output_count] */
};

struct sz_node_plan {
    const struct sz_service_plan *services;
    int32_t service_count, is_scheduled;
    int64_t wake_ns, bell_ns;
    int64_t duty_numerator, duty_denominator; /* from 1 / many to 1 / 1 */
};

struct sz_lane_plan {
    int32_t arriving, leaving, wire, unused; /* wire: 0 or 1 */
    int64_t wire_ns;
};

struct sz_device_plan {
    int32_t kind, ring_count, output_count, lane_count;
    const int32_t *rings;   /* a sensor's outputs; a sink's or an accelerator's inputs */
    const int32_t *outputs; /* an accelerator's */
    const struct sz_lane_plan *lanes;
    int64_t interval_numerator, interval_denominator, jitter_ns, count; /* a sensor's; count < 0: endless */
    uint64_t seed;
    int32_t waits, unused;
    int64_t job_ns, latency_ns; /* an accelerator's; a link's */
};

struct sz_path_plan {
    int32_t source, first, last, unused; /* device (number among the devices), rings */
    int64_t deadline_ns;                 /* SZ_NEVER: none */
};

/*
 * The executive's policy. Before each question `account` is told of every node that has executed since the last one.
 * `decide` is asked after `next_ns`, about the same demands; Python fills `start_ns` and `stop_ns`, both 0 before, for
 * each node that may execute, and returns until when the decision goes on (sim/host/scheduler/policy.py, Lasting).
 */
struct sz_policy_plan {
    int64_t (*next_ns)(int64_t now_ns);
    int64_t (*decide)(int64_t start_ns);
    void (*account)(int32_t node, int64_t now_ns, int64_t executed_ns);
    int64_t *wake_ns, *start_ns, *stop_ns; /* [node_count] */
    uint8_t *is_rung;                      /* [node_count] */
};

struct sz_plan {
    int64_t quantum_ns, duration_ns;
    const struct sz_ring_plan *rings;
    const struct sz_node_plan *nodes;
    const struct sz_device_plan *devices;
    const struct sz_path_plan *paths;
    const struct sz_policy_plan *policy; /* NULL: everybody always executes */
    int32_t ring_count, node_count, device_count, path_count;
    int64_t step_ns; /* of the series; 0: none */
};

/* -- what is found ----------------------------------------------------------------------------------------------- */

struct sz_times {
    int64_t count, min_ns, p50_ns, p95_ns, p99_ns, p99_9_ns, max_ns;
};

struct sz_ring_result {
    int64_t offered, delivered, dropped, refused, stalls, occupancy_max;
    struct sz_times latency, age;
    int64_t *level_ns; /* [depth + 1], the caller's, zero */
    int32_t *series;   /* [steps], the caller's, zero; NULL: none */
};

struct sz_path_result {
    int64_t delivered, missing, late;
    struct sz_times age;
};

struct sz_result {
    struct sz_ring_result *rings;
    struct sz_path_result *paths;
    int64_t *busy_ns; /* [node_count + device_count] */
    int64_t *calls;   /* [services of all nodes, then a number for each device] */
    int64_t events;
};

/* Simulate a plan. 0, or -1 if there is no memory, or -2 if something goes on without end while no time passes. */
int sz_simulate(const struct sz_plan *plan, struct sz_result *result);
uint32_t sz_interface(void);

/* Times summed up through the histogram, for tests. */
int sz_summarise(const int64_t *values, int64_t count, struct sz_times *times);
/* When a sensor takes a sample, for tests. */
int64_t sz_sample_ns(const struct sz_device_plan *sensor, int64_t sample);

#endif
