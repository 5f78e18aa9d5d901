/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver's and the device's end have in common: a block of the header page, a session, a fault. */
#ifndef VSHM_END_H
#define VSHM_END_H

#include "counters.h"

enum vshm_state {
    VSHM_NEGOTIATING, /* no session: the rings are not looked at */
    VSHM_READY,       /* session open, at least until the peer's block says otherwise */
    VSHM_BROKEN       /* the peer lied about the ring: nothing until it has restarted */
};

struct vshm_end {
    unsigned char *base;
    struct vshm_layout layout;
    struct vshm_block *own;
    const struct vshm_block *peer;
    struct vshm_descriptor *descriptors;
    struct vshm_available *available;
    struct vshm_used *used;
    struct vshm_receipt *receipts;
    uint64_t features;    /* offered by the device, accepted by the driver; of the session once it is ready */
    uint32_t role;
    uint32_t epoch;
    uint32_t peer_epoch;  /* the peer's epoch of this session */
    uint32_t peer_status; /* the bits that the peer's status must keep while the session lasts */
    uint32_t state;       /* enum vshm_state */
    uint32_t announce;    /* the peer has to look at what we did */
    struct vshm_fault fault;
    struct vshm_counters counters;
};

int vshm_end_init(struct vshm_end *end, void *region, uint32_t role, uint32_t depth, uint32_t payload_bytes,
                  uint64_t now);

/* Close the own block to readers, so that the parts of the region that we own may be rewritten. */
void vshm_end_withdraw(struct vshm_end *end);

/* Open it again under a new epoch. */
void vshm_end_publish(struct vshm_end *end, uint32_t peer_epoch, uint64_t features, uint32_t status);

/* Copy the peer's block: 1 if it is there and stands still, 0 if not (yet), < 0 if it lies. */
int vshm_end_meet(struct vshm_end *end, struct vshm_block *copy);

/* Record a lie about the ring: the session is over. Not a lie, and 0, if the peer has left the session meanwhile. */
int vshm_end_broken(struct vshm_end *end, uint32_t kind, uint64_t value, uint64_t limit);

/* Record a lie about one tensor: the session goes on. */
int vshm_end_spoiled(struct vshm_end *end, uint32_t kind, uint64_t value, uint64_t limit);

/* Is the peer still the one that the session was opened with? Whatever was read before this is then its word. */
static inline int vshm_end_in_session(const struct vshm_end *end)
{
    vshm_acquire_fence();
    return end->state == VSHM_READY && vshm_load32(&end->peer->epoch) == end->peer_epoch &&
           (vshm_load32(&end->peer->status) & end->peer_status) == end->peer_status;
}

static inline uint16_t *vshm_used_event(const struct vshm_end *end)
{
    return &end->available->ring[end->layout.depth];
}

static inline uint16_t *vshm_avail_event(const struct vshm_end *end)
{
    return (uint16_t *)(void *)&end->used->ring[end->layout.depth];
}

/* Size of an end's private memory, in which arrays follow the structure. */
static inline size_t vshm_padded(size_t bytes) { return (bytes + 7) & ~(size_t)7; }

#endif
