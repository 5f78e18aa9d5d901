/* SPDX-License-Identifier: Apache-2.0 */
#include "end.h"

int vshm_end_init(struct vshm_end *end, void *region, uint32_t role, uint32_t depth, uint32_t payload_bytes,
                  uint64_t now)
{
    vshm_clear(end, sizeof *end);
    int possible = vshm_layout_init(&end->layout, depth, payload_bytes);
    if (possible < 0)
        return possible;
    if ((uintptr_t)region % VSHM_ALIGN)
        return -VSHM_K_LAYOUT;
    struct vshm_block *blocks = region;
    end->base = region;
    end->role = role;
    end->own = &blocks[role == VSHM_ROLE_DEVICE];
    end->peer = &blocks[role == VSHM_ROLE_DRIVER];
    end->descriptors = (struct vshm_descriptor *)(void *)(end->base + end->layout.descriptors);
    end->available = (struct vshm_available *)(void *)(end->base + end->layout.available);
    end->used = (struct vshm_used *)(void *)(end->base + end->layout.used);
    end->receipts = (struct vshm_receipt *)(void *)(end->base + end->layout.receipts);
    end->epoch = vshm_load32(&end->own->epoch);
    vshm_counters_start(&end->counters, now);
    return 1;
}

void vshm_end_withdraw(struct vshm_end *end)
{
    end->state = VSHM_NEGOTIATING;
    vshm_store32(&end->own->status, 0);
    vshm_full_fence();
}

void vshm_end_publish(struct vshm_end *end, uint32_t peer_epoch, uint64_t features, uint32_t status)
{
    struct vshm_block *own = end->own;
    if (++end->epoch == 0)
        end->epoch = 1; /* 0 means: nobody was ever here */
    vshm_store32(&own->magic, VSHM_MAGIC);
    vshm_store16(&own->version, VSHM_VERSION);
    vshm_store16(&own->role, (uint16_t)end->role);
    vshm_store32(&own->depth, end->layout.depth);
    vshm_store32(&own->payload_bytes, end->layout.payload_bytes);
    vshm_store32(&own->region_bytes, end->layout.region_bytes);
    vshm_store32(&own->features[0], (uint32_t)features);
    vshm_store32(&own->features[1], (uint32_t)(features >> 32));
    vshm_store32(&own->peer_epoch, peer_epoch);
    vshm_release32(&own->epoch, end->epoch);
    vshm_release32(&own->status, status);
    end->announce = 1;
}

int vshm_end_meet(struct vshm_end *end, struct vshm_block *copy)
{
    const struct vshm_block *peer = end->peer;
    const uint32_t peer_role = VSHM_ROLE_DRIVER + VSHM_ROLE_DEVICE - end->role;
    uint32_t status = vshm_acquire32(&peer->status);
    if (!status)
        return 0;
    vshm_copy_in(copy, peer, offsetof(struct vshm_block, position));
    vshm_acquire_fence();
    if (vshm_load32(&peer->status) != status || vshm_load32(&peer->epoch) != copy->epoch)
        return 0; /* on the move: look again at its next announcement */
    copy->status = status;
    if (end->state == VSHM_BROKEN) {
        if (copy->epoch == end->peer_epoch)
            return -(int)end->fault.kind;
        end->state = VSHM_NEGOTIATING;
    }
    uint32_t kind = VSHM_K_NONE;
    if (copy->magic != VSHM_MAGIC || copy->version != VSHM_VERSION || copy->role != peer_role || !copy->epoch)
        kind = VSHM_K_HEADER;
    else if (copy->depth != end->layout.depth || copy->payload_bytes != end->layout.payload_bytes ||
             copy->region_bytes != end->layout.region_bytes)
        kind = VSHM_K_GEOMETRY;
    if (kind == VSHM_K_NONE)
        return 1;
    end->peer_epoch = copy->epoch;
    return kind == VSHM_K_HEADER
               ? vshm_end_broken(end, kind, copy->magic, VSHM_MAGIC)
               : vshm_end_broken(end, kind, (uint64_t)copy->depth << 32 | copy->payload_bytes,
                                 (uint64_t)end->layout.depth << 32 | end->layout.payload_bytes);
}

static int record(struct vshm_end *end, uint32_t kind, uint64_t value, uint64_t limit)
{
    end->fault = (struct vshm_fault){.kind = kind, .value = value, .limit = limit};
    end->counters.faults++;
    return -(int)kind;
}

int vshm_end_broken(struct vshm_end *end, uint32_t kind, uint64_t value, uint64_t limit)
{
    if (end->state == VSHM_READY && !vshm_end_in_session(end)) {
        end->state = VSHM_NEGOTIATING;
        return 0;
    }
    end->state = VSHM_BROKEN;
    uint32_t failed = end->role == VSHM_ROLE_DRIVER ? VSHM_S_ACKNOWLEDGE | VSHM_S_DRIVER | VSHM_S_FAILED
                                                    : VSHM_S_ACKNOWLEDGE | VSHM_S_NEEDS_RESET;
    vshm_store32(&end->own->peer_epoch, end->peer_epoch);
    vshm_release32(&end->own->status, failed);
    end->announce = 1;
    return record(end, kind, value, limit);
}

int vshm_end_spoiled(struct vshm_end *end, uint32_t kind, uint64_t value, uint64_t limit)
{
    return record(end, kind, value, limit);
}
