/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VSHM_DEVICE_H
#define VSHM_DEVICE_H

#include "end.h"

/* What the device holds of one descriptor between take and give back. */
struct vshm_held {
    uint64_t sequence;
    uint64_t taken_ns;
    uint32_t is_held;
    uint32_t reserved;
};

struct vshm_device {
    struct vshm_end end;
    struct vshm_device_config config;
    struct vshm_tensor expected;
    uint64_t offered;       /* features */
    uint32_t position;      /* of the next entry to look at; its low half follows the available index */
    uint32_t revoked;       /* the driver's revoked position as last read */
    uint32_t waiting;       /* entries between `position` and the available index as last read */
    uint32_t held_count;
    uint32_t skip_count;
    uint32_t receipt_count;
    uint16_t used_index;
    uint16_t is_parked;
    int owed;               /* error that vshm_device_exchange found after the tensors that it gave out */
    struct vshm_frame parked; /* claimed, checked, and produced in our future: given out when it is due */
    struct vshm_held *held; /* [depth] by id */
};

/* claim.c: the next entry of the available ring is ours: 1 with its descriptor id, 0 there is none, < 0 a lie. */
int vshm_claim_next(struct vshm_device *device, uint16_t *id);

#endif
