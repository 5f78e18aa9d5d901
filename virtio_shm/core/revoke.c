/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Withdrawing the oldest published entry, without a read-modify-write on shared memory.
 *
 * Driver:  revoked = p + 1;  full fence;  read claimed.
 * Device:  claimed = p + 1;  full fence;  read revoked.      (device.c, claim_entry)
 *
 * At least one of the two sees the other's store. If the driver reads claimed <= p, then the device will read
 * revoked > p and skip the entry: the buffer is the driver's again. If it reads claimed > p, the device may have
 * taken the entry or may be about to skip it. The driver then leaves that buffer in limbo and withdraws the next
 * entry; the device settles it, either by returning the buffer through the used ring or by naming p in its skip log.
 *
 * Two more things can happen between a store and a read. The device may have jumped over p and claimed a later entry: it
 * names p before that. Or the driver reads claimed > p before its store, which then withdraws a later entry: the device
 * sees revoked > p all the same and gives p up, although the driver takes it for the device's.
 */
#include "driver.h"

int vshm_revoke_read_claim(struct vshm_driver *driver)
{
    struct vshm_end *end = &driver->end;
    const uint32_t claimed = vshm_acquire32(&end->peer->position);
    if (!vshm_end_in_session(end))
        return 0;
    if (claimed - driver->claimed > driver->published - driver->claimed)
        return vshm_end_broken(end, VSHM_K_CLAIMED_INDEX, claimed, driver->published);
    driver->claimed = claimed;
    return 1;
}

/* The device has named a position that it gave up. Any that is not in its hands was ours already. */
static void settle(struct vshm_driver *driver, uint32_t position, uint64_t now)
{
    if (!vshm_after(driver->revoked, position))
        return; /* nothing that it could have seen told it to */
    for (uint32_t id = 0; id < driver->end.layout.depth; id++)
        if ((driver->place[id] == VSHM_LIMBO || driver->place[id] == VSHM_AVAILABLE) &&
            driver->position[id] == position) {
            driver->limbo -= driver->place[id] == VSHM_LIMBO;
            driver->end.counters.dropped++;
            vshm_driver_release(driver, id, now);
            return;
        }
}

int vshm_revoke_read_skips(struct vshm_driver *driver, uint64_t now)
{
    struct vshm_end *end = &driver->end;
    const uint32_t count = vshm_acquire32(&end->peer->skip_count);
    uint32_t skipped[VSHM_SKIP_LOG];
    for (uint32_t i = 0; i < VSHM_SKIP_LOG; i++)
        skipped[i] = vshm_load32(&end->peer->skipped[i]);
    if (!vshm_end_in_session(end))
        return 0;
    if (count - driver->skips > VSHM_SKIP_LOG)
        return vshm_end_broken(end, VSHM_K_SKIP_LOG, count, driver->skips + VSHM_SKIP_LOG);
    for (; driver->skips != count; driver->skips++)
        settle(driver, skipped[driver->skips % VSHM_SKIP_LOG], now);
    return 1;
}

int vshm_revoke_oldest(struct vshm_driver *driver, uint64_t now)
{
    struct vshm_end *end = &driver->end;
    for (;;) {
        int sound = vshm_revoke_read_claim(driver);
        if (sound > 0)
            sound = vshm_revoke_read_skips(driver, now);
        if (sound <= 0)
            return sound;
        if (driver->free_count)
            return 1;
        const uint32_t position = vshm_later(driver->revoked, driver->claimed);
        if (position == driver->published)
            return 0; /* the device has claimed everything: the new tensor itself is the one to drop */
        driver->revoked = position + 1;
        vshm_store32(&end->own->position, driver->revoked);
        vshm_full_fence();
        sound = vshm_revoke_read_claim(driver);
        if (sound <= 0)
            return sound;
        const uint32_t id = driver->order[position & (end->layout.depth - 1)];
        if (vshm_after(driver->claimed, position)) {
            driver->place[id] = VSHM_LIMBO;
            driver->limbo++;
            continue;
        }
        end->counters.dropped++;
        vshm_driver_release(driver, id, now);
        return 1;
    }
}
