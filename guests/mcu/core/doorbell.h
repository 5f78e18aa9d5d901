/* SPDX-License-Identifier: Apache-2.0 */
/* Ringing the host, and sleeping until it rings. */
#ifndef DOORBELL_H
#define DOORBELL_H

#include <stdint.h>

/* Tell the host to look at a channel. */
void doorbell_ring(uint32_t vector);

/* How often the host has rung so far, modulo 2^32. Take it before looking for work, and give it to doorbell_sleep. */
uint32_t doorbell_count(void);

/* Sleep until the host has rung since `count` was taken, or it is `wake_ns` (0: never). */
void doorbell_sleep(uint32_t count, uint64_t wake_ns);

#endif
