/* SPDX-License-Identifier: Apache-2.0 */
/* The host's observer of a channel. It writes nothing and believes nothing. */
#include "end.h"
#include "frame.h"

enum phase { LOOK, PUBLICATIONS, RECEIPTS, REVOCATIONS };

struct published {
    uint64_t sequence;
    uint32_t position;
    uint16_t id;
    uint16_t state; /* 0 nothing known, 1 published, 2 taken */
};

struct seen_receipt {
    uint64_t sequence;
    uint64_t taken_ns;
    uint32_t state; /* 0 none, 1 taken, 2 returned */
    uint32_t reserved;
};

struct vshm_tap {
    struct vshm_layout layout;
    const unsigned char *base;
    const struct vshm_block *driver;
    const struct vshm_block *device;
    struct vshm_fault fault;
    uint32_t epoch;    /* the driver's, of the session that we follow */
    uint32_t revocable;
    uint32_t phase;
    uint32_t cursor;   /* of the phase */
    uint32_t position; /* of the next publication to report */
    uint32_t decided;  /* positions before this are known as taken or dropped */
    uint32_t receipts; /* the device's count at the last complete scan */
    /* read at LOOK */
    uint32_t receipt_count;
    uint32_t claimed;
    uint32_t revoked;
    uint16_t index;
    uint16_t reserved;
    struct published *published; /* [2 * depth] by position: those before this round, and those of it */
    struct seen_receipt *seen;   /* [depth] by id */
    uint32_t *latest;            /* [depth] by id: the last position of this round at which it was published */
};

size_t vshm_tap_bytes(uint32_t depth)
{
    return vshm_padded(sizeof(struct vshm_tap)) +
           depth * (2 * sizeof(struct published) + sizeof(struct seen_receipt) + sizeof(uint32_t));
}

int vshm_tap_init(struct vshm_tap *tap, const void *region, uint32_t depth, uint32_t payload_bytes)
{
    vshm_clear(tap, sizeof *tap);
    int possible = vshm_layout_init(&tap->layout, depth, payload_bytes);
    if (possible < 0)
        return possible;
    tap->base = region;
    tap->driver = region;
    tap->device = tap->driver + 1;
    tap->published = (struct published *)(void *)((unsigned char *)tap + vshm_padded(sizeof *tap));
    tap->seen = (struct seen_receipt *)(void *)(tap->published + 2 * depth);
    tap->latest = (uint32_t *)(void *)(tap->seen + depth);
    return 1;
}

static int fail(struct vshm_tap *tap, uint32_t kind, uint64_t value, uint64_t limit)
{
    tap->fault = (struct vshm_fault){.kind = kind, .value = value, .limit = limit};
    return -(int)kind;
}

/* Start over with the session that the driver has opened. */
static int follow(struct vshm_tap *tap, uint32_t epoch, struct vshm_tap_event *event)
{
    const int restarted = tap->epoch != 0;
    struct vshm_block driver;
    vshm_copy_in(&driver, tap->driver, offsetof(struct vshm_block, position));
    vshm_acquire_fence();
    if (vshm_load32(&tap->driver->epoch) != epoch || driver.epoch != epoch)
        return 0;
    if (driver.magic != VSHM_MAGIC || driver.version != VSHM_VERSION || driver.role != VSHM_ROLE_DRIVER)
        return fail(tap, VSHM_K_HEADER, driver.magic, VSHM_MAGIC);
    if (driver.depth != tap->layout.depth || driver.payload_bytes != tap->layout.payload_bytes)
        return fail(tap, VSHM_K_GEOMETRY, (uint64_t)driver.depth << 32 | driver.payload_bytes,
                    (uint64_t)tap->layout.depth << 32 | tap->layout.payload_bytes);
    tap->epoch = epoch;
    tap->revocable = (driver.features[0] & VSHM_F_REVOKE) != 0;
    tap->position = tap->decided = tap->receipts = 0;
    vshm_clear(tap->published, 2 * tap->layout.depth * sizeof(struct published));
    vshm_clear(tap->seen, tap->layout.depth * sizeof(struct seen_receipt));
    event->kind = VSHM_TAP_RESTARTED;
    event->count = epoch;
    return restarted;
}

/* What bounds the publications from below: what was withdrawn or claimed, or in a plain ring returned. */
static uint32_t floor_of(const struct vshm_tap *tap)
{
    const struct vshm_used *used = (const void *)(tap->base + tap->layout.used);
    if (!tap->revocable)
        return vshm_acquire16(&used->index);
    return vshm_later(vshm_acquire32(&tap->driver->position), vshm_acquire32(&tap->device->position));
}

/* A buffer that came back and was published again since the last round holds its newest tensor only. */
static void note_latest(struct vshm_tap *tap)
{
    const struct vshm_available *available = (const void *)(tap->base + tap->layout.available);
    const uint16_t behind = (uint16_t)(tap->index - (uint16_t)tap->position);
    uint32_t position = tap->position + (behind > tap->layout.depth ? behind - tap->layout.depth : 0u);
    for (; (uint16_t)position != tap->index; position++) {
        const uint16_t id = vshm_load16(&available->ring[position & (tap->layout.depth - 1)]);
        if (id < tap->layout.depth)
            tap->latest[id] = position;
    }
}

/* Read the indices once for this round. 1 they stand, 0 nothing to see, < 0 a lie. */
static int look(struct vshm_tap *tap)
{
    const struct vshm_available *available = (const void *)(tap->base + tap->layout.available);
    const uint32_t below = floor_of(tap);
    tap->claimed = vshm_acquire32(&tap->device->position);
    tap->receipt_count = vshm_acquire32(&tap->device->receipt_count);
    tap->revoked = vshm_acquire32(&tap->driver->position);
    tap->index = vshm_acquire16(&available->index);
    const uint16_t in_flight = (uint16_t)(tap->index - (uint16_t)below);
    if (in_flight > tap->layout.depth && floor_of(tap) == below)
        return fail(tap, VSHM_K_AVAILABLE_INDEX, in_flight, tap->layout.depth);
    note_latest(tap);
    return 1;
}

static uint32_t read_publication(struct vshm_tap *tap, struct vshm_frame *frame, struct vshm_fault *fault)
{
    const struct vshm_available *available = (const void *)(tap->base + tap->layout.available);
    const struct vshm_descriptor *descriptors = (const void *)(tap->base + tap->layout.descriptors);
    struct vshm_descriptor descriptor;
    const uint16_t id = vshm_load16(&available->ring[tap->position & (tap->layout.depth - 1)]);
    if (id >= tap->layout.depth) {
        *fault = (struct vshm_fault){.kind = VSHM_K_DESCRIPTOR_ID, .value = id, .limit = tap->layout.depth - 1};
        return VSHM_K_DESCRIPTOR_ID;
    }
    vshm_copy_in(&descriptor, &descriptors[id], sizeof descriptor);
    uint32_t kind = vshm_descriptor_check(&tap->layout, &descriptor, fault);
    if (kind)
        return kind;
    frame->id = id;
    frame->payload_offset = (uint32_t)descriptor.address + VSHM_FRAME_BYTES;
    return vshm_frame_read(tap->base + descriptor.address, descriptor.length, frame, fault);
}

static int lost(struct vshm_tap *tap, struct vshm_tap_event *event, uint32_t count)
{
    tap->position += count;
    event->kind = VSHM_TAP_LOST;
    event->count = count;
    return 1;
}

static int next_publication(struct vshm_tap *tap, struct vshm_tap_event *event)
{
    const uint16_t behind = (uint16_t)(tap->index - (uint16_t)tap->position);
    if (!behind)
        return 0;
    if (behind > tap->layout.depth)
        return lost(tap, event, behind - tap->layout.depth);
    const uint32_t below = floor_of(tap);
    struct vshm_fault fault;
    uint32_t kind = read_publication(tap, &event->frame, &fault);
    if (kind && floor_of(tap) != below)
        return lost(tap, event, 1); /* its buffer was used again while we read */
    if (!kind && tap->latest[event->frame.id] != tap->position)
        return lost(tap, event, 1); /* its buffer was used again before we looked */
    if (kind) {
        tap->position++; /* say it once */
        return fail(tap, kind, fault.value, fault.limit);
    }
    struct published *entry = &tap->published[tap->position & (2 * tap->layout.depth - 1)];
    entry->sequence = event->frame.sequence;
    entry->position = tap->position++;
    entry->id = (uint16_t)event->frame.id;
    entry->state = 1;
    event->kind = VSHM_TAP_PUBLISHED;
    return 1;
}

static void mark_taken(struct vshm_tap *tap, uint32_t id, uint64_t sequence)
{
    for (uint32_t i = 0; i < 2 * tap->layout.depth; i++) {
        struct published *entry = &tap->published[i];
        if (entry->state && entry->id == id && entry->sequence == sequence)
            entry->state = 2;
    }
}

/* A receipt that stands still: 1; being written: 0. */
static int read_receipt(const struct vshm_tap *tap, uint32_t id, struct vshm_receipt *copy)
{
    const struct vshm_receipt *shared = (const struct vshm_receipt *)(const void *)(tap->base + tap->layout.receipts) + id;
    const uint32_t version = vshm_acquire32(&shared->version);
    vshm_copy_in(copy, shared, sizeof *copy);
    vshm_acquire_fence();
    return version && !(version & 1) && vshm_load32(&shared->version) == version;
}

static int next_receipt(struct vshm_tap *tap, struct vshm_tap_event *event)
{
    for (; tap->receipts != tap->receipt_count && tap->cursor < tap->layout.depth; tap->cursor++) {
        struct seen_receipt *seen = &tap->seen[tap->cursor];
        struct vshm_receipt receipt;
        if (!read_receipt(tap, tap->cursor, &receipt))
            continue;
        if (receipt.returned_ns && receipt.returned_ns < receipt.taken_ns) {
            tap->cursor++;
            return fail(tap, VSHM_K_RECEIPT, receipt.returned_ns, receipt.taken_ns);
        }
        if (receipt.sequence != seen->sequence || receipt.taken_ns != seen->taken_ns)
            seen->state = 0;
        const uint32_t state = receipt.returned_ns ? 2 : 1;
        if (seen->state >= state)
            continue;
        seen->sequence = receipt.sequence;
        seen->taken_ns = receipt.taken_ns;
        seen->state++;
        mark_taken(tap, tap->cursor, receipt.sequence);
        event->kind = seen->state == 1 ? VSHM_TAP_TAKEN : VSHM_TAP_RETURNED;
        event->frame.id = tap->cursor;
        event->frame.sequence = receipt.sequence;
        event->taken_ns = receipt.taken_ns;
        event->returned_ns = seen->state == 1 ? 0 : receipt.returned_ns;
        return 1;
    }
    tap->receipts = tap->receipt_count;
    return 0;
}

static int next_revocation(struct vshm_tap *tap, struct vshm_tap_event *event)
{
    const uint32_t kept = 2 * tap->layout.depth;
    if (!tap->revocable)
        return 0;
    if (tap->position - tap->decided > kept)
        tap->decided = tap->position - kept;
    while (vshm_after(tap->revoked, tap->decided) && vshm_after(tap->position, tap->decided)) {
        const struct published *entry = &tap->published[tap->decided & (kept - 1)];
        const int is_known = entry->state && entry->position == tap->decided;
        if (is_known && entry->state == 1 && tap->claimed == tap->decided + 1)
            return 0; /* the device is at it: its receipt will tell, or its next claim */
        tap->decided++;
        if (!is_known || entry->state == 2)
            continue;
        event->kind = VSHM_TAP_REVOKED;
        event->frame.id = entry->id;
        event->frame.sequence = entry->sequence;
        return 1;
    }
    return 0;
}

int vshm_tap_poll(struct vshm_tap *tap, struct vshm_tap_event *event)
{
    static int (*const next[])(struct vshm_tap *, struct vshm_tap_event *) = {
        [PUBLICATIONS] = next_publication, [RECEIPTS] = next_receipt, [REVOCATIONS] = next_revocation};
    vshm_clear(event, sizeof *event);
    if (tap->phase == LOOK) {
        const uint32_t epoch = vshm_acquire32(&tap->driver->epoch);
        if (!epoch && tap->epoch) /* 0 is before any start: who was there once never goes back to it */
            return fail(tap, VSHM_K_HEADER, epoch, tap->epoch);
        if (!(vshm_acquire32(&tap->driver->status) & VSHM_S_DRIVER_OK))
            return 0;
        if (vshm_acquire32(&tap->device->epoch) != vshm_load32(&tap->driver->peer_epoch))
            return 0; /* the device has started again: this session is over, and its rings are cleared */
        if (epoch != tap->epoch) {
            int followed = follow(tap, epoch, event);
            if (followed || tap->epoch != epoch)
                return followed;
        }
        int stands = look(tap);
        if (stands <= 0)
            return stands;
        tap->phase = PUBLICATIONS;
        tap->cursor = 0;
    }
    for (; tap->phase <= REVOCATIONS; tap->phase++, tap->cursor = 0) {
        int found = next[tap->phase](tap, event);
        if (found)
            return found;
    }
    tap->phase = LOOK;
    return 0;
}

const struct vshm_fault *vshm_tap_fault(const struct vshm_tap *tap) { return &tap->fault; }
