/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a simulation, and what its parts do for each other. */
#ifndef SIZING_WORLD_H
#define SIZING_WORLD_H

#include "engine.h"

#define MOST_STEPS 1000000 /* of one participant while no time passes; beyond it is a loop without end */

/* A tensor: what its frame header says of it. */
struct message {
    int64_t produced_ns, origin_ns, origin_sequence;
    int32_t origin; /* device that the sample is from, SZ_NOBODY: unknown */
};

#define HISTOGRAM_ROWS 41 /* octaves, up to 78 hours */

struct histogram {
    uint64_t *rows[HISTOGRAM_ROWS]; /* NULL: nothing lies there */
    int64_t count, min_ns, max_ns;
};

struct times_list {
    int64_t *at_ns;
    size_t count, first, capacity;
};

struct ring {
    const struct sz_ring_plan *plan;
    struct sz_ring_result *result;
    struct message *waiting; /* a queue in a circle of `depth` */
    int32_t first, waiting_count;
    int32_t in_use;  /* slots that wait or are held */
    bool is_parked;  /* its consumer holds the first of the queue, which lies in its future */
    /* Of the available ring (VIRTIO 1.2, 2.7.7): its index, what the consumer has seen of it, and its `avail_event`. */
    uint16_t published, seen, armed_at;
    bool is_wanted;  /* its producer waits for room and wants to be rung */
    bool is_stalled; /* that is counted already */
    bool rings_target, rings_source; /* an end has yet to ring the other */
    struct histogram latency, age;
    /* Occupancy: changes of the present quantum, which the two ends make in an order of their own. */
    struct times_list taken_up, freed;
    int32_t level;
    int64_t since_ns;
};

struct service {
    const struct sz_service_plan *plan;
    int64_t *calls; /* where they are counted */
    struct message *held;    /* [required_count] */
    struct message *newest;  /* [sampled_count] */
    bool *has_held;          /* [required_count] */
    bool *has_newest;        /* [sampled_count] */
    bool *is_due;            /* [output_count]: not sent yet */
    int32_t *order;          /* [output_count]: outputs by their offset in the present call */
    int32_t next_output;
    int64_t elapsed_ns; /* of the present call */
    int32_t taking;  /* the required input that it gets to next; SZ_NOBODY: it is not taking */
    bool is_calling; /* time of its call passes */
    bool is_unsent;  /* something could not be sent: the call goes on when there is room */
};

struct node {
    const struct sz_node_plan *plan;
    struct service *services;
    int64_t *busy_ns; /* of its machine */
    int64_t bell_ns;  /* of its machine */
    int64_t clock_ns, todo_ns, due_ns;
    int64_t cut_left, spent_left; /* what rounding has left over, in fractions of the duty's denominator */
    int32_t cursor;
    bool is_awake, is_rung, is_busy;
    bool has_slept; /* and has not made a call since */
    bool owes_bell; /* one that it has not got to within its last quantum */
    /* Since the last decision of the policy: */
    bool was_ready; /* it had something to do then */
    bool has_run;
    int64_t executed_ns;
};

struct outlet {
    int64_t sample, due_ns;
    bool is_open, is_held_up;
};

struct transit {
    struct message message;
    int64_t arrival_ns;
};

struct lane {
    const struct sz_lane_plan *plan;
    struct message next, sending;
    bool has_next, is_sending, is_held_up;
    int64_t ready_ns;
    struct transit flight[SZ_LINK_BUFFERS];
    int32_t flying;
    int64_t freed_ns[SZ_LINK_BUFFERS];
};

struct device {
    const struct sz_device_plan *plan;
    int64_t *busy_ns, *calls;
    struct outlet *outlets; /* of a sensor, one for each ring */
    struct lane *lanes;
    int64_t free_ns[2]; /* of a link's wires; the first of an accelerator: it is free from then on */
    int64_t wire_busy_ns[2];
    int64_t acted_ns;     /* when it last did */
    int64_t last_open_ns; /* from when on all rings are open that it sends into */
    /* An accelerator's. */
    struct message *next; /* [ring_count]: taken of each input, not begun */
    bool *has_next;       /* [ring_count] */
    struct message job;
    int32_t job_ring;
    int64_t end_ns;
    bool is_working, is_returned, is_held_up;
    bool *is_owed; /* [output_count]: has not got the result yet */
};

struct path {
    const struct sz_path_plan *plan;
    struct sz_path_result *result;
    struct histogram age;
    int64_t first_sent, last_arrived, distinct;
};

struct world {
    const struct sz_plan *plan;
    struct sz_result *result;
    struct ring *rings;
    struct node *nodes;
    struct device *devices;
    struct path *paths;
    bool *is_due; /* [participants]: a doorbell is on its way */
    struct node *running; /* NULL: devices act */
    int64_t last_bell_ns; /* what the running node does later, it rings for in a later quantum */
    int64_t now_ns;
    int64_t decided_ns, lasts_ns; /* from when to when the last decision of the policy goes on */
    bool goes_on;                 /* it does in this quantum */
    bool is_out_of_memory;
    bool is_endless; /* something goes on while no time passes */
    void **allocations;
    size_t allocation_count, allocation_capacity;
};

/* world.c: memory that lasts as long as the world; NULL is noted in it. */
void *world_allocate(struct world *world, size_t count, size_t bytes);
struct world *world_make(const struct sz_plan *plan, struct sz_result *result);
void world_free(struct world *world);

/* ring.c */
enum reserved { NO_ROOM, ROOM, REFUSED };
enum reserved ring_publish(struct world *world, int32_t ring, const struct message *message, int64_t at_ns);
bool ring_has(const struct ring *ring, int64_t at_ns);
bool ring_take(struct world *world, int32_t ring, int64_t at_ns, struct message *message);
bool ring_is_open(const struct world *world, int32_t ring);
void ring_give_back(struct world *world, int32_t ring, int64_t at_ns);
int64_t ring_due_ns(const struct ring *ring);
void ring_owed_bells(struct world *world, struct node *node);
void ring_settle(struct world *world, struct ring *ring, int64_t until_ns);
void ring_conclude(struct world *world, struct ring *ring);

/* path.c */
void path_sent(struct world *world, int32_t ring, const struct message *message);
void path_taken(struct world *world, int32_t ring, const struct message *message, int64_t at_ns);
void path_conclude(struct path *path);

/* node.c */
int64_t node_wake_ns(const struct node *node);
int64_t node_cut_ns(struct node *node, int64_t start_ns, int64_t stop_ns);
int64_t node_worth_ns(const struct node *node, int64_t core_ns);
void node_run(struct world *world, struct node *node, int64_t start_ns, int64_t stop_ns, int64_t target_ns);

/* device.c: sensors, sinks, all; link.c: links; accelerator.c: accelerators */
int64_t device_wake_ns(const struct world *world, const struct device *device);
void device_act(struct world *world, struct device *device);
int64_t link_wake_ns(const struct device *device);
void link_act(struct world *world, struct device *device);
int64_t accelerator_wake_ns(const struct device *device);
void accelerator_act(struct world *world, struct device *device);

/* histogram.c */
void histogram_add(struct world *world, struct histogram *histogram, int64_t value);
void histogram_sum_up(const struct histogram *histogram, struct sz_times *times);

#endif
