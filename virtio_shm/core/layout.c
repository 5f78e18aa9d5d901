/* SPDX-License-Identifier: Apache-2.0 */
/* Where everything lies: a function of depth and payload size alone. */
#include "shared.h"

static uint64_t aligned(uint64_t bytes) { return (bytes + VSHM_ALIGN - 1) & ~(uint64_t)(VSHM_ALIGN - 1); }

int vshm_layout_init(struct vshm_layout *layout, uint32_t depth, uint32_t payload_bytes)
{
    if (depth < VSHM_MIN_DEPTH || depth > VSHM_MAX_DEPTH || (depth & (depth - 1)) || !payload_bytes)
        return -VSHM_K_LAYOUT;
    uint64_t descriptors = 2 * VSHM_BLOCK_BYTES;
    uint64_t available = descriptors + 16ull * depth;
    uint64_t used = aligned(available + 6 + 2ull * depth);
    uint64_t receipts = aligned(used + 6 + 8ull * depth);
    uint64_t slots = aligned(receipts + sizeof(struct vshm_receipt) * (uint64_t)depth);
    uint64_t slot_bytes = aligned(VSHM_FRAME_BYTES + (uint64_t)payload_bytes);
    uint64_t region_bytes = slots + slot_bytes * depth;
    if (region_bytes > UINT32_MAX)
        return -VSHM_K_LAYOUT;
    layout->depth = depth;
    layout->payload_bytes = payload_bytes;
    layout->slot_bytes = (uint32_t)slot_bytes;
    layout->descriptors = (uint32_t)descriptors;
    layout->available = (uint32_t)available;
    layout->used = (uint32_t)used;
    layout->receipts = (uint32_t)receipts;
    layout->slots = (uint32_t)slots;
    layout->region_bytes = (uint32_t)region_bytes;
    return 1;
}

uint32_t vshm_interface(void) { return VSHM_INTERFACE; }
