/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

void vshm_counters_start(struct vshm_counters *counters, uint64_t now)
{
    vshm_clear(counters, sizeof *counters);
    counters->since_ns = now;
    counters->until_ns = now;
}
