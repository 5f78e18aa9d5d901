/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VSHM_DRIVER_H
#define VSHM_DRIVER_H

#include "end.h"

/* Where a descriptor is. */
enum vshm_place {
    VSHM_FREE,
    VSHM_RESERVED,  /* being filled by the producer */
    VSHM_AVAILABLE, /* published */
    VSHM_LIMBO      /* revoked while the device was claiming it: it will tell which of the two came first */
};

struct vshm_driver {
    struct vshm_end end;
    struct vshm_driver_config config;
    uint64_t wanted;    /* features that we accept when they are offered */
    uint32_t published; /* position after the last published entry; its low half is the available index */
    uint32_t revoked;   /* entries before this position are withdrawn (or were taken) */
    uint32_t claimed;   /* the device's claim as last read */
    uint32_t skips;     /* entries read of the device's skip log */
    uint32_t limbo;     /* descriptors in VSHM_LIMBO */
    uint32_t refused;   /* tensors that came when no slot could be had, dropped themselves */
    uint32_t free_count;
    uint32_t reserved;  /* descriptor id or VSHM_NONE */
    uint32_t in_flight; /* VSHM_AVAILABLE and VSHM_LIMBO */
    uint16_t last_used;
    uint16_t stalled;   /* told the caller to wait, not yet had a slot since */
    uint64_t sequence;
    uint16_t *free;     /* [depth] stack of ids */
    uint16_t *order;    /* [depth] id published at position % depth */
    uint32_t *position; /* [depth] by id */
    uint8_t *place;     /* [depth] by id */
};

/* revoke.c: everything about the revoke feature on this side. */
int vshm_revoke_oldest(struct vshm_driver *driver, uint64_t now); /* 1 a slot came free, 0 none can, < 0 */
int vshm_revoke_read_claim(struct vshm_driver *driver);           /* 1, or < 0 */
int vshm_revoke_read_skips(struct vshm_driver *driver, uint64_t now);

/* driver.c: hand a descriptor back to the free ones. */
void vshm_driver_release(struct vshm_driver *driver, uint32_t id, uint64_t now);

#endif
