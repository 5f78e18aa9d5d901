/* SPDX-License-Identifier: Apache-2.0 */
/* Samples followed to where they are used: sim/report/paths.py. */
#include "world.h"

void path_sent(struct world *world, int32_t ring, const struct message *message)
{
    for (int32_t i = 0; i < world->plan->path_count; i++) {
        struct path *const path = &world->paths[i];
        if (path->plan->first == ring && path->plan->source == message->origin && path->first_sent < 0)
            path->first_sent = message->origin_sequence;
    }
}

void path_taken(struct world *world, int32_t ring, const struct message *message, int64_t at_ns)
{
    for (int32_t i = 0; i < world->plan->path_count; i++) {
        struct path *const path = &world->paths[i];
        if (path->plan->last != ring || path->plan->source != message->origin)
            continue;
        const int64_t age_ns = at_ns - message->origin_ns;
        histogram_add(world, &path->age, age_ns);
        path->result->delivered++;
        path->result->late += age_ns > path->plan->deadline_ns;
        if (message->origin_sequence > path->last_arrived) { /* several results of one sample count once */
            path->last_arrived = message->origin_sequence;
            path->distinct++;
        }
    }
}

void path_conclude(struct path *path)
{
    if (path->distinct)
        path->result->missing = path->last_arrived - path->first_sent + 1 - path->distinct;
    histogram_sum_up(&path->age, &path->result->age);
}
