/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both fuzz targets share: a region of the exact size (so that the sanitizer sees every step outside), honest
 * ends, and a script of bytes read as steps. The side under test must survive whatever is written into the region;
 * an honest end opposite brings it into deep states first.
 */
#ifndef VSHM_FUZZ_SCRIPT_H
#define VSHM_FUZZ_SCRIPT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../vshm.h"

struct script {
    const uint8_t *next;
    const uint8_t *end;
};

static inline unsigned draw(struct script *script) { return script->next < script->end ? *script->next++ : 0; }

static inline uint64_t draw_word(struct script *script, unsigned bytes)
{
    uint64_t word = 0;
    while (bytes--)
        word = word << 8 | draw(script);
    return word;
}

/* Allocated once for each geometry: allocating is what a short run would spend its time on. */
struct memory {
    uint8_t *region;
    struct vshm_driver *driver;
    struct vshm_device *device;
    struct vshm_tap *tap;
};

static inline const struct memory *memory_for(unsigned shape, const struct vshm_layout *layout)
{
    static struct memory all[256];
    struct memory *memory = &all[shape];
    if (!memory->region) {
        memory->region = aligned_alloc(64, layout->region_bytes);
        memory->driver = malloc(vshm_driver_bytes(layout->depth));
        memory->device = malloc(vshm_device_bytes(layout->depth));
        memory->tap = malloc(vshm_tap_bytes(layout->depth));
        if (!memory->region || !memory->driver || !memory->device || !memory->tap)
            abort();
    }
    memset(memory->region, 0, layout->region_bytes);
    return memory;
}

struct channel {
    struct vshm_layout layout;
    struct vshm_tensor tensor;
    uint8_t *region;
    struct vshm_driver *driver;
    struct vshm_device *device;
    struct vshm_tap *tap;
    uint64_t now;
    unsigned long sum; /* of everything read, so that no read is optimised away */
};

static inline void channel_open(struct channel *channel, struct script *script)
{
    static const uint32_t depths[] = {2, 4, 8, 16};
    const unsigned shape = draw(script), options = draw(script);
    const uint32_t depth = depths[shape & 3], payload = 1 + (shape >> 2);
    memset(channel, 0, sizeof *channel);
    channel->now = 1;
    channel->tensor = (struct vshm_tensor){
        .dtype = VSHM_UINT8, .rank = 1, .dimensions = {payload}, .scale = 1.0, .payload_bytes = payload};
    vshm_layout_init(&channel->layout, depth, payload);
    const struct memory *memory = memory_for(shape, &channel->layout);
    channel->region = memory->region;
    channel->driver = memory->driver;
    channel->device = memory->device;
    channel->tap = memory->tap;
    const struct vshm_driver_config driver = {
        depth, payload, (options & 3) % 3, options >> 2 & 1, options >> 3 & 1};
    const struct vshm_device_config device = {
        depth, payload, options >> 4 & 1, options >> 5 & 1, options & 64 ? &channel->tensor : NULL};
    vshm_driver_init(channel->driver, channel->region, &driver, 0);
    vshm_device_init(channel->device, channel->region, &device, 0);
    vshm_tap_init(channel->tap, channel->region, depth, payload);
    for (int i = 0; i < 4; i++) {
        vshm_driver_poll(channel->driver, channel->now);
        vshm_device_poll(channel->device, channel->now);
    }
}

/* The liar's step: 1, 2, 4 or 8 bytes, at any offset, or at one of the words that matter. */
static inline void lie(struct channel *channel, struct script *script)
{
    const struct vshm_layout *layout = &channel->layout;
    const uint32_t starts[] = {0,
                               512,
                               64,
                               512 + 64,
                               layout->descriptors,
                               layout->available,
                               layout->used,
                               layout->receipts,
                               layout->slots,
                               layout->slots + layout->slot_bytes,
                               layout->available + 4 + 2 * layout->depth,
                               layout->used + 4 + 8 * layout->depth};
    const unsigned kind = draw(script);
    const unsigned bytes = 1u << (kind & 3);
    uint32_t offset = kind & 4 ? (uint32_t)draw_word(script, 2)
                               : starts[(kind >> 3) % (sizeof starts / sizeof starts[0])] + draw(script);
    offset %= layout->region_bytes - bytes + 1;
    const uint64_t word = draw_word(script, bytes);
    memcpy(channel->region + offset, &word, bytes);
}

/* Read the whole payload, as a consumer would. */
static inline void read_payload(struct channel *channel, const struct vshm_frame *frame)
{
    if (frame->payload_offset % 64 || frame->id >= channel->layout.depth)
        abort();
    for (uint32_t i = 0; i < frame->tensor.payload_bytes; i++)
        channel->sum += channel->region[frame->payload_offset + i];
}

static inline void watch(struct channel *channel)
{
    struct vshm_tap_event event;
    for (unsigned i = 0; vshm_tap_poll(channel->tap, &event) > 0; i++) {
        if (event.kind == VSHM_TAP_PUBLISHED)
            read_payload(channel, &event.frame);
        if (i > 64 * channel->layout.depth)
            abort(); /* nothing changes while it polls: it must come to rest */
    }
}

static inline int publish(struct channel *channel)
{
    const int reserved = vshm_driver_reserve(channel->driver, channel->now);
    if (reserved <= 0)
        return reserved;
    if ((uint32_t)reserved > channel->layout.depth)
        abort();
    memset(channel->region + channel->layout.slots + (size_t)channel->layout.slot_bytes * (unsigned)(reserved - 1) + 128,
           reserved, channel->layout.payload_bytes);
    return vshm_driver_commit(channel->driver, &channel->tensor, 7, 8, reserved & 1, channel->now);
}

#endif
