/* SPDX-License-Identifier: Apache-2.0 */
/* An echo that writes garbage over one part of what it shares with the host, and goes on as if nothing had been. */
#include "control.h"
#include "service.h"

INPUT(tensor, uint8, 64)
OUTPUT(result, uint8, 64)
SETTING(part, 0)
SETTING(seed, 1)
SETTING(after, 3)

#define BLOCK_BYTES 512u /* docs/ring.md */

/* tests/e2e/test_mcu_hostile.py has the same numbers: a part of the input's ring, or 10 more of the output's. */
enum part {
    WHOLE_RING,
    DRIVER_BLOCK,
    DEVICE_BLOCK,
    DESCRIPTORS,
    AVAILABLE,
    USED,
    RECEIPTS,
    SLOTS,
    OUTPUT = 10,
    WHOLE_PAGE = 20,
    HOST_WORDS,
    FIRMWARE_WORDS,
    CHANNEL_TABLE,
    INFERENCES,
    COUNTER,
    DOORBELLS,
};

static uint32_t state;

static uint32_t next_garbage(void)
{
    state ^= state << 13; /* Marsaglia, Xorshift RNGs */
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* Words of every kind: small ones may be taken for true. */
static void spoil(volatile void *at, uint32_t bytes)
{
    volatile uint32_t *word = at;
    for (uint32_t i = 0; i < bytes / sizeof *word; i++) {
        const uint32_t value = next_garbage();
        word[i] = value & 0x100 ? value : value & 7;
    }
}

static void spoil_ring(const volatile struct control_channel *channel, enum part which)
{
    volatile unsigned char *const ring = (volatile unsigned char *)&control + channel->offset;
    const uint32_t region_bytes = channel->region_bytes;
    struct vshm_layout layout;
    vshm_layout_init(&layout, channel->depth, channel->payload_bytes);
    switch (which) {
    case WHOLE_RING:
        spoil(ring, region_bytes);
        break;
    case DRIVER_BLOCK:
        spoil(ring, BLOCK_BYTES);
        break;
    case DEVICE_BLOCK:
        spoil(ring + BLOCK_BYTES, BLOCK_BYTES);
        break;
    case DESCRIPTORS:
        spoil(ring + layout.descriptors, layout.available - layout.descriptors);
        break;
    case AVAILABLE:
        spoil(ring + layout.available, layout.used - layout.available);
        break;
    case USED:
        spoil(ring + layout.used, layout.receipts - layout.used);
        break;
    case RECEIPTS:
        spoil(ring + layout.receipts, layout.slots - layout.receipts);
        break;
    default:
        spoil(ring + layout.slots, region_bytes - layout.slots);
    }
}

static void spoil_page(enum part which)
{
    volatile unsigned char *const page = (volatile unsigned char *)&control;
    switch (which) {
    case HOST_WORDS:
        spoil(page, offsetof(struct control_page, counter));
        break;
    case FIRMWARE_WORDS:
        spoil(&control.ready_magic, 0x80);
        break;
    case CHANNEL_TABLE:
        spoil(control.channels, sizeof control.channels);
        break;
    case INFERENCES:
        spoil(control.inferences, sizeof control.inferences);
        control.inference_count = next_garbage();
        break;
    case COUNTER:
        control.counter = (uint64_t)next_garbage() << 32 | next_garbage();
        break;
    case DOORBELLS:
        for (int i = 0; i < 100; i++)
            spoil(control.out_count, sizeof control.out_count);
        break;
    default:
        spoil(page, CONTROL_BYTES);
    }
}

void on_tensors(void)
{
    static int32_t count;
    output_send(&result, input_newest(&tensor)->data);
    if (++count < after)
        return;
    state = (uint32_t)seed * 2654435761u + (uint32_t)count;
    const int32_t which = part;
    if (which >= WHOLE_PAGE)
        spoil_page((enum part)which);
    else
        spoil_ring(&control.channels[which / OUTPUT], (enum part)(which % OUTPUT));
}
