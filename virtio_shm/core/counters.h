/* SPDX-License-Identifier: Apache-2.0 */
/* Time-weighted occupancy and its maximum. */
#ifndef VSHM_COUNTERS_H
#define VSHM_COUNTERS_H

#include "shared.h"

void vshm_counters_start(struct vshm_counters *counters, uint64_t now);

/* Account the time since the last call to the occupancy so far. */
static inline void vshm_counters_advance(struct vshm_counters *counters, uint64_t now)
{
    if (now <= counters->until_ns)
        return; /* a clock that stands still or steps back adds nothing */
    counters->occupancy_ns += counters->occupancy * (now - counters->until_ns);
    counters->until_ns = now;
}

static inline void vshm_counters_occupy(struct vshm_counters *counters, uint64_t occupancy, uint64_t now)
{
    vshm_counters_advance(counters, now);
    counters->occupancy = occupancy;
    if (occupancy > counters->high_water)
        counters->high_water = occupancy;
}

/* Show them to whoever watches. Plain stores: a watcher on the run may see halves of a change. */
static inline void vshm_counters_show(struct vshm_block *block, const struct vshm_counters *counters)
{
    vshm_copy_out(&block->counters, counters, sizeof *counters);
}

#endif
