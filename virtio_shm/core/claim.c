/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the next entry of the available ring; with the revoke feature, agreeing with the driver on whose it is. */
#include "device.h"

/* A driver that revokes entry after entry while we look: we look again this often before we call it a lie. */
#define MOST_LOOKS 4096

/* Tell the driver of an entry that we will not take. */
static void give_up(struct vshm_device *device, uint32_t position)
{
    struct vshm_end *end = &device->end;
    vshm_store32(&end->own->skipped[device->skip_count % VSHM_SKIP_LOG], position);
    vshm_release32(&end->own->skip_count, ++device->skip_count);
}

/* How far the driver is ahead of us, after jumping over what it withdrew. 1, or < 0. */
static int look(struct vshm_device *device, uint32_t *looks)
{
    struct vshm_end *end = &device->end;
    const int revocable = (end->features & VSHM_F_REVOKE) != 0;
    for (;; ++*looks) {
        const uint32_t revoked = revocable ? vshm_acquire32(&end->peer->position) : 0;
        const uint16_t index = vshm_acquire16(&end->available->index);
        const uint32_t position = revocable ? vshm_later(device->position, revoked) : device->position;
        const uint16_t ahead = (uint16_t)(index - (uint16_t)position);
        const int sound = ahead <= end->layout.depth && !(revocable && vshm_after(device->revoked, revoked));
        if (sound) {
            /* The driver may be yet to read our claim of the last one, and find a later claim: before that, name it. */
            if (position != device->position)
                give_up(device, position - 1);
            device->revoked = revoked;
            device->position = position;
            device->waiting = ahead;
            return 1;
        }
        /* The index may be newer than the revoked position that we read before it: then that one has moved, too. */
        if (!revocable || *looks >= MOST_LOOKS || vshm_load32(&end->peer->position) == revoked)
            return revocable && vshm_after(device->revoked, revoked)
                       ? vshm_end_broken(end, VSHM_K_REVOKED_INDEX, revoked, device->revoked)
                       : vshm_end_broken(end, VSHM_K_AVAILABLE_INDEX, ahead, end->layout.depth);
    }
}

/* The device's half of the agreement in revoke.c. 1 if the entry at `position` is ours. */
static int claim(struct vshm_device *device)
{
    struct vshm_end *end = &device->end;
    vshm_release32(&end->own->position, device->position + 1);
    vshm_full_fence();
    if (!vshm_after(vshm_load32(&end->peer->position), device->position))
        return 1;
    give_up(device, device->position);
    end->announce = 1; /* a driver that has nothing but limbo waits for this */
    return 0;
}

int vshm_claim_next(struct vshm_device *device, uint16_t *id)
{
    struct vshm_end *end = &device->end;
    for (uint32_t looks = 0;; looks++) {
        int sound = look(device, &looks);
        if (sound <= 0)
            return sound;
        if (!device->waiting)
            return 0;
        if (looks > MOST_LOOKS)
            return vshm_end_broken(end, VSHM_K_REVOKED_INDEX, device->revoked, device->position);
        /* Read before the claim: once the driver has withdrawn the entry it may write this place again. */
        *id = vshm_load16(&end->available->ring[device->position & (end->layout.depth - 1)]);
        if (!(end->features & VSHM_F_REVOKE) || claim(device))
            break;
        device->position++;
    }
    device->position++;
    device->waiting--;
    return 1;
}
