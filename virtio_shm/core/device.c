/* SPDX-License-Identifier: Apache-2.0 */
/* The device side: takes what the driver publishes, reads it in place, gives it back (VIRTIO 1.2, 2.7.7, 2.7.8). */
#include "device.h"
#include "frame.h"

size_t vshm_device_bytes(uint32_t depth)
{
    return vshm_padded(sizeof(struct vshm_device)) + depth * sizeof(struct vshm_held);
}

/* The parts of the region that the device owns, as a new session finds them. */
static void clear_rings(struct vshm_device *device, uint64_t now)
{
    struct vshm_end *end = &device->end;
    vshm_store16(&end->used->flags, 0);
    vshm_store16(&end->used->index, 0);
    vshm_store16(vshm_avail_event(end), 0);
    vshm_store32(&end->own->position, 0);
    vshm_store32(&end->own->skip_count, 0);
    vshm_store32(&end->own->receipt_count, 0);
    vshm_clear(end->receipts, sizeof(struct vshm_receipt) * (size_t)end->layout.depth);
    device->position = device->revoked = device->waiting = 0;
    device->skip_count = device->receipt_count = 0;
    device->used_index = 0;
    vshm_counters_occupy(&end->counters, 0, now);
}

int vshm_device_init(struct vshm_device *device, void *region, const struct vshm_device_config *config, uint64_t now)
{
    int possible = vshm_end_init(&device->end, region, VSHM_ROLE_DEVICE, config->depth, config->payload_bytes, now);
    if (possible < 0)
        return possible;
    device->held = (struct vshm_held *)(void *)((unsigned char *)device + vshm_padded(sizeof *device));
    device->config = *config;
    device->config.expected = NULL; /* the caller's memory: copied, not kept */
    if (config->expected)
        device->expected = *config->expected;
    else
        device->expected.dtype = 0;
    device->offered = VSHM_F_VERSION_1 | (config->event_index ? VSHM_F_EVENT_IDX : 0) |
                      (config->revoke ? VSHM_F_REVOKE : 0);
    vshm_device_restart(device, now);
    return 1;
}

void vshm_device_restart(struct vshm_device *device, uint64_t now)
{
    struct vshm_end *end = &device->end;
    vshm_end_withdraw(end);
    for (uint32_t id = 0; id < end->layout.depth; id++)
        device->held[id].is_held = 0;
    device->held_count = 0;
    device->is_parked = 0;
    device->owed = 0;
    clear_rings(device, now);
    end->features = 0;
    end->peer_epoch = 0;
    vshm_end_publish(end, 0, device->offered, VSHM_S_ACKNOWLEDGE);
}

static void let_go(struct vshm_device *device, uint32_t id)
{
    device->held[id].is_held = 0;
    device->held_count--;
}

/* A driver has opened a session with us: check what it accepted, start from empty rings, agree. */
static int accept_session(struct vshm_device *device, const struct vshm_block *driver, uint64_t now)
{
    struct vshm_end *end = &device->end;
    const uint64_t accepted = (uint64_t)driver->features[1] << 32 | driver->features[0];
    end->peer_epoch = driver->epoch;
    if ((accepted & ~device->offered) || !(accepted & VSHM_F_VERSION_1))
        return vshm_end_broken(end, VSHM_K_FEATURES, accepted, device->offered);
    vshm_store32(&end->own->status, VSHM_S_ACKNOWLEDGE);
    vshm_full_fence();
    clear_rings(device, now);
    end->features = accepted;
    end->peer_status = VSHM_S_FEATURES_OK | VSHM_S_DRIVER_OK;
    vshm_store32(&end->own->peer_epoch, driver->epoch);
    vshm_release32(&end->own->status, VSHM_S_ACKNOWLEDGE | VSHM_S_FEATURES_OK);
    end->announce = 1;
    return 1;
}

int vshm_device_poll(struct vshm_device *device, uint64_t now)
{
    struct vshm_end *end = &device->end;
    struct vshm_block driver;
    if (vshm_end_in_session(end))
        return 1;
    if (end->state == VSHM_READY)
        end->state = VSHM_NEGOTIATING;
    int met = vshm_end_meet(end, &driver);
    if (met <= 0)
        return met;
    if (driver.peer_epoch != end->epoch || !(driver.status & VSHM_S_FEATURES_OK))
        return driver.peer_epoch == end->epoch && (driver.status & VSHM_S_FAILED)
                   ? vshm_end_broken(end, VSHM_K_NEEDS_RESET, driver.status, 0)
                   : 0;
    if (driver.epoch != end->peer_epoch) {
        if (device->is_parked)
            let_go(device, device->parked.id);
        device->is_parked = 0;
        if (device->held_count)
            return 0; /* somebody still reads a buffer of the old session */
        int agreed = accept_session(device, &driver, now);
        if (agreed <= 0)
            return agreed;
    }
    if (!(driver.status & VSHM_S_DRIVER_OK))
        return 0;
    end->state = VSHM_READY;
    vshm_release32(&end->own->status, VSHM_S_ACKNOWLEDGE | VSHM_S_FEATURES_OK | VSHM_S_DRIVER_OK);
    return 1;
}

static void count_occupancy(struct vshm_device *device, uint64_t now)
{
    struct vshm_counters *counters = &device->end.counters;
    vshm_counters_occupy(counters, device->waiting + device->held_count, now);
    vshm_counters_show(device->end.own, counters);
}

/* VIRTIO 1.2, 2.7.8: element, barrier, index; then the barrier before looking at suppression. 1: kick. */
static int return_descriptor(struct vshm_device *device, uint32_t id)
{
    struct vshm_end *end = &device->end;
    const struct vshm_used_element element = {.id = id, .length = 0};
    const uint16_t old = device->used_index++;
    vshm_copy_out(&end->used->ring[old & (end->layout.depth - 1)], &element, sizeof element);
    vshm_release16(&end->used->index, device->used_index);
    vshm_full_fence();
    let_go(device, id);
    int kick;
    if (end->features & VSHM_F_EVENT_IDX)
        kick = vshm_need_event(vshm_load16(vshm_used_event(end)), device->used_index, old);
    else
        kick = !(vshm_load16(&end->available->flags) & VSHM_AVAIL_F_NO_INTERRUPT);
    end->counters.kicks += (uint64_t)kick;
    return kick;
}

/* Descriptor and frame header of an entry that is ours: copy, check. 1 a frame, 0 session over, < 0 a lie. */
static int open_entry(struct vshm_device *device, uint16_t id, struct vshm_frame *frame)
{
    struct vshm_end *end = &device->end;
    struct vshm_descriptor descriptor;
    if (id >= end->layout.depth)
        return vshm_end_broken(end, VSHM_K_DESCRIPTOR_ID, id, end->layout.depth - 1);
    if (device->held[id].is_held)
        return vshm_end_broken(end, VSHM_K_DESCRIPTOR_BUSY, id, end->layout.depth - 1);
    vshm_copy_in(&descriptor, &end->descriptors[id], sizeof descriptor);
    struct vshm_fault fault;
    uint32_t kind = vshm_descriptor_check(&end->layout, &descriptor, &fault);
    if (kind)
        return vshm_end_broken(end, kind, fault.value, fault.limit);
    frame->id = id;
    frame->payload_offset = (uint32_t)descriptor.address + VSHM_FRAME_BYTES;
    kind = vshm_frame_read(end->base + descriptor.address, descriptor.length, frame, &fault);
    if (!kind && device->expected.dtype && !vshm_tensor_matches(&frame->tensor, &device->expected)) {
        kind = VSHM_K_FRAME_SPEC;
        fault = (struct vshm_fault){.value = frame->tensor.dtype, .limit = device->expected.dtype};
    }
    if (!vshm_end_in_session(end))
        return 0;
    device->held[id].is_held = 1;
    device->held_count++;
    if (!kind)
        return 1;
    end->announce |= (uint32_t)return_descriptor(device, id);
    int lie = vshm_end_spoiled(end, kind, fault.value, fault.limit);
    vshm_counters_show(end->own, &end->counters);
    return lie;
}

/* Ask for a notification of the next publication. 1 if one has come in meanwhile, 0 if the caller may sleep. */
static int listen(struct vshm_device *device)
{
    struct vshm_end *end = &device->end;
    const uint16_t seen = (uint16_t)(device->position + device->waiting);
    if (end->features & VSHM_F_EVENT_IDX)
        vshm_store16(vshm_avail_event(end), seen);
    else
        vshm_store16(&end->used->flags, 0);
    vshm_full_fence();
    return vshm_load16(&end->available->index) != seen;
}

/* With the event index nothing is to be done: the index that we asked for lies behind the driver now. */
static void stop_listening(struct vshm_device *device)
{
    if (!(device->end.features & VSHM_F_EVENT_IDX))
        vshm_store16(&device->end.used->flags, VSHM_USED_F_NO_NOTIFY);
}

static void write_receipt(struct vshm_device *device, uint32_t id, uint64_t returned_ns)
{
    struct vshm_end *end = &device->end;
    struct vshm_receipt *shared = &end->receipts[id];
    const struct vshm_receipt receipt = {
        .sequence = device->held[id].sequence, .taken_ns = device->held[id].taken_ns, .returned_ns = returned_ns};
    const uint32_t count = ++device->receipt_count;
    vshm_store32(&shared->version, 2 * count + 1);
    vshm_release_fence();
    vshm_copy_out(shared, &receipt, offsetof(struct vshm_receipt, version));
    vshm_release32(&shared->version, 2 * count + 2);
    vshm_release32(&end->own->receipt_count, count);
}

/* Give the caller a tensor that we hold, unless it lies in the caller's future. */
static int hand_out(struct vshm_device *device, struct vshm_frame *frame, uint64_t now)
{
    if (frame->produced_ns > now) {
        device->parked = *frame;
        device->is_parked = 1;
        listen(device); /* for others: this one needs no doorbell, its time is known */
        return 0;
    }
    stop_listening(device);
    struct vshm_held *held = &device->held[frame->id];
    held->sequence = frame->sequence;
    held->taken_ns = now;
    device->is_parked = 0;
    device->end.counters.pushed++;
    write_receipt(device, frame->id, 0);
    count_occupancy(device, now);
    return 1;
}

int vshm_device_take(struct vshm_device *device, struct vshm_frame *frame, uint64_t now)
{
    struct vshm_end *end = &device->end;
    if (!vshm_end_in_session(end)) {
        int ready = vshm_device_poll(device, now);
        if (ready <= 0)
            return ready;
    }
    if (device->is_parked) {
        *frame = device->parked;
        return hand_out(device, frame, now);
    }
    for (;;) {
        uint16_t id;
        int claimed = vshm_claim_next(device, &id);
        if (claimed < 0)
            return claimed;
        if (claimed) {
            int opened = open_entry(device, id, frame);
            return opened <= 0 ? opened : hand_out(device, frame, now);
        }
        if (!vshm_end_in_session(end) || !listen(device))
            return 0;
    }
}

int vshm_device_give_back(struct vshm_device *device, uint32_t id, uint64_t sequence, uint64_t now)
{
    struct vshm_end *end = &device->end;
    if (id >= end->layout.depth || !device->held[id].is_held || device->held[id].sequence != sequence ||
        (device->is_parked && device->parked.id == id))
        return -VSHM_K_LAYOUT; /* the caller's mistake: it does not hold this */
    if (!vshm_end_in_session(end)) {
        let_go(device, id);
        return 0;
    }
    end->counters.popped++;
    write_receipt(device, id, now);
    const int kick = return_descriptor(device, id);
    count_occupancy(device, now);
    return kick;
}

int vshm_device_exchange(struct vshm_device *device, struct vshm_frame *frames, uint32_t returned, uint32_t most,
                         uint64_t now)
{
    int kick = 0, lie = device->owed;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < returned; i++)
        kick |= vshm_device_give_back(device, frames[i].id, frames[i].sequence, now) > 0;
    device->owed = 0;
    while (!lie && taken < most) {
        int got = vshm_device_take(device, &frames[taken], now);
        if (!got)
            break;
        if (got < 0)
            lie = got;
        else
            taken++;
    }
    if (lie && !taken) {
        device->end.announce |= (uint32_t)kick;
        return lie;
    }
    device->owed = lie; /* first what came before it */
    return (int)(taken << 1) | kick;
}

uint64_t vshm_device_due(const struct vshm_device *device)
{
    return device->is_parked ? device->parked.produced_ns : 0;
}

int vshm_device_announce(struct vshm_device *device)
{
    int announce = (int)device->end.announce;
    device->end.announce = 0;
    return announce;
}

const struct vshm_counters *vshm_device_counters(struct vshm_device *device, uint64_t now)
{
    vshm_counters_advance(&device->end.counters, now);
    return &device->end.counters;
}

const struct vshm_fault *vshm_device_fault(const struct vshm_device *device) { return &device->end.fault; }

uint64_t vshm_device_features(const struct vshm_device *device) { return device->end.features; }
