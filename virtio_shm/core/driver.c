/* SPDX-License-Identifier: Apache-2.0 */
/* The driver side: owns the buffers, publishes them, gets them back (VIRTIO 1.2, 2.7.13 and 2.7.14). */
#include "driver.h"
#include "frame.h"

size_t vshm_driver_bytes(uint32_t depth)
{
    return vshm_padded(sizeof(struct vshm_driver)) + depth * (size_t)(4 + 2 + 2 + 1);
}

static void place_arrays(struct vshm_driver *driver, uint32_t depth)
{
    unsigned char *after = (unsigned char *)driver + vshm_padded(sizeof *driver);
    driver->position = (uint32_t *)(void *)after;
    driver->free = (uint16_t *)(void *)(after + 4 * (size_t)depth);
    driver->order = driver->free + depth;
    driver->place = (uint8_t *)(driver->order + depth);
}

/* Forget whatever was in flight and open the own block anew, as an answer to the device's `peer_epoch`. */
static void open_session(struct vshm_driver *driver, uint32_t peer_epoch, uint64_t features, uint64_t now)
{
    struct vshm_end *end = &driver->end;
    const uint32_t depth = end->layout.depth;
    vshm_end_withdraw(end);
    vshm_clear(end->descriptors, sizeof(struct vshm_descriptor) * (size_t)depth);
    vshm_store16(&end->available->flags, 0);
    vshm_store16(&end->available->index, 0);
    vshm_store16(vshm_used_event(end), 0xffff);
    vshm_store32(&end->own->position, 0);
    end->counters.dropped += driver->in_flight;
    vshm_counters_occupy(&end->counters, 0, now);
    driver->published = driver->revoked = driver->claimed = driver->skips = 0;
    driver->limbo = driver->in_flight = driver->last_used = 0;
    driver->free_count = 0;
    for (uint32_t id = depth; id-- > 0;)
        if (id != driver->reserved) {
            driver->place[id] = VSHM_FREE;
            driver->free[driver->free_count++] = (uint16_t)id;
        }
    end->features = features;
    end->peer_epoch = peer_epoch;
    end->peer_status = VSHM_S_ACKNOWLEDGE | VSHM_S_FEATURES_OK;
    vshm_end_publish(end, peer_epoch, features,
                     VSHM_S_ACKNOWLEDGE | VSHM_S_DRIVER | (peer_epoch ? VSHM_S_FEATURES_OK : 0));
}

int vshm_driver_init(struct vshm_driver *driver, void *region, const struct vshm_driver_config *config, uint64_t now)
{
    int possible = vshm_end_init(&driver->end, region, VSHM_ROLE_DRIVER, config->depth, config->payload_bytes, now);
    if (possible < 0)
        return possible;
    place_arrays(driver, config->depth);
    driver->config = *config;
    driver->wanted = VSHM_F_VERSION_1 | (config->event_index ? VSHM_F_EVENT_IDX : 0) |
                     (config->overflow == VSHM_DROP_OLDEST ? VSHM_F_REVOKE : 0);
    driver->sequence = 0;
    driver->in_flight = 0;
    driver->refused = 0;
    vshm_store32(&driver->end.own->refused, 0);
    vshm_driver_restart(driver, now);
    return 1;
}

void vshm_driver_restart(struct vshm_driver *driver, uint64_t now)
{
    driver->reserved = VSHM_NONE;
    driver->stalled = 0;
    open_session(driver, 0, 0, now);
}

int vshm_driver_poll(struct vshm_driver *driver, uint64_t now)
{
    struct vshm_end *end = &driver->end;
    struct vshm_block device;
    if (vshm_end_in_session(end))
        return 1;
    if (end->state == VSHM_READY)
        end->state = VSHM_NEGOTIATING;
    int met = vshm_end_meet(end, &device);
    if (met <= 0)
        return met;
    if (device.epoch != end->peer_epoch) { /* a device that this session was not made for */
        const uint64_t offered = (uint64_t)device.features[1] << 32 | device.features[0];
        const uint64_t needed = driver->wanted & ~VSHM_F_EVENT_IDX;
        if ((offered & needed) != needed) {
            end->peer_epoch = device.epoch;
            return vshm_end_broken(end, VSHM_K_FEATURES, offered, needed);
        }
        open_session(driver, device.epoch, offered & driver->wanted, now);
        return 0;
    }
    if (device.peer_epoch != end->epoch)
        return 0; /* it has not seen this session */
    if (device.status & VSHM_S_NEEDS_RESET)
        return vshm_end_broken(end, VSHM_K_NEEDS_RESET, device.status, 0);
    if (!(device.status & VSHM_S_FEATURES_OK))
        return 0;
    end->state = VSHM_READY;
    vshm_release32(&end->own->status,
                   VSHM_S_ACKNOWLEDGE | VSHM_S_DRIVER | VSHM_S_FEATURES_OK | VSHM_S_DRIVER_OK);
    end->announce = 1;
    return 1;
}

void vshm_driver_release(struct vshm_driver *driver, uint32_t id, uint64_t now)
{
    driver->place[id] = VSHM_FREE;
    driver->free[driver->free_count++] = (uint16_t)id;
    driver->in_flight--;
    vshm_counters_occupy(&driver->end.counters, driver->in_flight, now);
}

/* May the device return this descriptor? With revoke on, only what it has claimed is its to return. */
static int is_with_device(struct vshm_driver *driver, uint32_t id)
{
    if (id >= driver->end.layout.depth)
        return 0;
    if (driver->place[id] == VSHM_LIMBO)
        return 1;
    return driver->place[id] == VSHM_AVAILABLE &&
           (!(driver->end.features & VSHM_F_REVOKE) || vshm_after(driver->claimed, driver->position[id]));
}

/* Take back what the device has returned. 1 if the session is sound, 0 if it has ended, < 0 for a lie. */
static int reap(struct vshm_driver *driver, uint64_t now)
{
    struct vshm_end *end = &driver->end;
    const uint16_t index = vshm_acquire16(&end->used->index);
    const uint16_t returned = (uint16_t)(index - driver->last_used);
    if (!returned)
        return vshm_end_in_session(end);
    if (returned > driver->in_flight)
        return vshm_end_broken(end, VSHM_K_USED_INDEX, returned, driver->in_flight);
    if (end->features & VSHM_F_REVOKE) {
        int read = vshm_revoke_read_claim(driver);
        if (read <= 0)
            return read;
    }
    while (driver->last_used != index) {
        const struct vshm_used_element *shared = &end->used->ring[driver->last_used & (end->layout.depth - 1)];
        struct vshm_used_element element;
        vshm_copy_in(&element, shared, sizeof element);
        if (!vshm_end_in_session(end))
            return 0;
        if (!is_with_device(driver, element.id))
            return vshm_end_broken(end, VSHM_K_USED_ID, element.id, end->layout.depth);
        if (element.length)
            return vshm_end_broken(end, VSHM_K_USED_LENGTH, element.length, 0);
        if (driver->place[element.id] == VSHM_LIMBO)
            driver->limbo--;
        vshm_driver_release(driver, element.id, now);
        end->counters.popped++;
        driver->last_used++;
    }
    return 1;
}

/* Ask for a notification of the next return. 1 if one has come in meanwhile, 0 if the caller may sleep. */
static int listen(struct vshm_driver *driver)
{
    struct vshm_end *end = &driver->end;
    if (end->features & VSHM_F_EVENT_IDX)
        vshm_store16(vshm_used_event(end), driver->last_used);
    else
        vshm_store16(&end->available->flags, 0);
    vshm_full_fence();
    return vshm_load16(&end->used->index) != driver->last_used;
}

static void stop_listening(struct vshm_driver *driver)
{
    struct vshm_end *end = &driver->end;
    if (end->features & VSHM_F_EVENT_IDX) /* 65,535 returns away, and at most 32,768 are in flight */
        vshm_store16(vshm_used_event(end), (uint16_t)(driver->last_used - 1));
    else
        vshm_store16(&end->available->flags, VSHM_AVAIL_F_NO_INTERRUPT);
}

/* The tensor that a slot was asked for is dropped: the consumer sees a gap, whoever watches sees the count. */
static void refuse(struct vshm_driver *driver, uint64_t now)
{
    struct vshm_end *end = &driver->end;
    end->counters.dropped++;
    driver->sequence++;
    vshm_store32(&end->own->refused, ++driver->refused);
    vshm_counters_advance(&end->counters, now); /* until_ns tells when */
    vshm_counters_show(end->own, &end->counters);
}

/* No slot is free and the producer waits: be rung for the next that comes back. 1 if one has come meanwhile. */
static int wait_for_room(struct vshm_driver *driver, uint64_t now)
{
    while (listen(driver)) {
        int sound = reap(driver, now);
        if (sound <= 0)
            return sound;
        if (driver->free_count)
            return 1;
    }
    if (!driver->stalled) {
        driver->end.counters.stalls++;
        vshm_counters_show(driver->end.own, &driver->end.counters);
    }
    driver->stalled = 1;
    return 0;
}

/* No slot is free: do what the overflow policy says. 1 if one is free now. Only VSHM_BLOCK ever waits. */
static int overflow(struct vshm_driver *driver, uint64_t now)
{
    if (driver->config.overflow == VSHM_BLOCK)
        return wait_for_room(driver, now);
    if (driver->config.overflow == VSHM_DROP_OLDEST) {
        int revoked = vshm_revoke_oldest(driver, now);
        if (revoked)
            return revoked;
        if (!vshm_end_in_session(&driver->end))
            return 0; /* nobody to drop it for */
    }
    refuse(driver, now);
    return 0;
}

int vshm_driver_reserve(struct vshm_driver *driver, uint64_t now)
{
    if (driver->reserved != VSHM_NONE)
        return (int)driver->reserved + 1;
    if (!vshm_end_in_session(&driver->end)) {
        int ready = vshm_driver_poll(driver, now);
        if (ready <= 0)
            return ready;
    }
    int sound = reap(driver, now);
    if (sound <= 0)
        return sound;
    if (driver->limbo) {
        sound = vshm_revoke_read_skips(driver, now);
        if (sound <= 0)
            return sound;
    }
    if (!driver->free_count) {
        int made_room = overflow(driver, now);
        if (made_room <= 0)
            return made_room;
    }
    driver->reserved = driver->free[--driver->free_count];
    driver->place[driver->reserved] = VSHM_RESERVED;
    driver->stalled = 0;
    stop_listening(driver);
    return (int)driver->reserved + 1;
}

void vshm_driver_cancel(struct vshm_driver *driver)
{
    if (driver->reserved == VSHM_NONE)
        return;
    driver->place[driver->reserved] = VSHM_FREE;
    driver->free[driver->free_count++] = (uint16_t)driver->reserved;
    driver->reserved = VSHM_NONE;
}

/* VIRTIO 1.2, 2.7.13: descriptor, ring entry, barrier, index; then the barrier before looking at suppression. */
static int publish(struct vshm_driver *driver, uint32_t id, uint32_t length)
{
    struct vshm_end *end = &driver->end;
    const struct vshm_layout *layout = &end->layout;
    const uint32_t place = driver->published & (layout->depth - 1);
    const struct vshm_descriptor descriptor = {
        .address = layout->slots + (uint64_t)layout->slot_bytes * id, .length = length};
    vshm_copy_out(&end->descriptors[id], &descriptor, sizeof descriptor);
    vshm_store16(&end->available->ring[place], (uint16_t)id);
    driver->order[place] = (uint16_t)id;
    driver->position[id] = driver->published++;
    driver->place[id] = VSHM_AVAILABLE;
    driver->in_flight++;
    vshm_release16(&end->available->index, (uint16_t)driver->published);
    vshm_full_fence();
    if (end->features & VSHM_F_EVENT_IDX)
        return vshm_need_event(vshm_load16(vshm_avail_event(end)), (uint16_t)driver->published,
                               (uint16_t)(driver->published - 1));
    return !(vshm_load16(&end->used->flags) & VSHM_USED_F_NO_NOTIFY);
}

int vshm_driver_commit(struct vshm_driver *driver, const struct vshm_tensor *tensor, uint64_t origin_sequence,
                       uint64_t origin_ns, int has_origin, uint64_t now)
{
    struct vshm_end *end = &driver->end;
    const uint32_t id = driver->reserved;
    if (id == VSHM_NONE || tensor->payload_bytes > end->layout.payload_bytes)
        return -VSHM_K_LAYOUT;
    const struct vshm_frame frame = {
        .tensor = *tensor,
        .sequence = driver->sequence,
        .produced_ns = now,
        .origin_sequence = has_origin ? origin_sequence : driver->sequence,
        .origin_ns = has_origin ? origin_ns : now,
    };
    vshm_frame_write(end->base + end->layout.slots + (size_t)end->layout.slot_bytes * id, &frame,
                     driver->config.crc != 0);
    driver->reserved = VSHM_NONE;
    driver->sequence++;
    const int kick = publish(driver, id, VSHM_FRAME_BYTES + tensor->payload_bytes);
    end->counters.pushed++;
    end->counters.kicks += (uint64_t)kick;
    vshm_counters_occupy(&end->counters, driver->in_flight, now);
    vshm_counters_show(end->own, &end->counters);
    return kick;
}

int vshm_driver_send(struct vshm_driver *driver, const struct vshm_tensor *tensor, const void *payload, uint64_t now)
{
    if (tensor->payload_bytes > driver->end.layout.payload_bytes)
        return -VSHM_K_LAYOUT;
    int reserved = vshm_driver_reserve(driver, now);
    if (reserved <= 0)
        return reserved;
    unsigned char *slot = driver->end.base + driver->end.layout.slots +
                          (size_t)driver->end.layout.slot_bytes * driver->reserved;
    __builtin_memcpy(slot + VSHM_FRAME_BYTES, payload, tensor->payload_bytes);
    return 1 + vshm_driver_commit(driver, tensor, 0, 0, 0, now);
}

int vshm_driver_announce(struct vshm_driver *driver)
{
    int announce = (int)driver->end.announce;
    driver->end.announce = 0;
    return announce;
}

const struct vshm_counters *vshm_driver_counters(struct vshm_driver *driver, uint64_t now)
{
    vshm_counters_advance(&driver->end.counters, now);
    return &driver->end.counters;
}

const struct vshm_fault *vshm_driver_fault(const struct vshm_driver *driver) { return &driver->end.fault; }

uint64_t vshm_driver_features(const struct vshm_driver *driver) { return driver->end.features; }
