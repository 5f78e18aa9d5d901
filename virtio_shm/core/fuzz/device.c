/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target for the device side (and the tap): the script plays a lying driver beside an honest one. */
#include "script.h"

#define MOST_HELD 16

struct hand {
    struct vshm_frame frames[MOST_HELD];
    unsigned count;
};

static void take(struct channel *channel, struct hand *hand)
{
    struct vshm_frame frame;
    if (hand->count == MOST_HELD || vshm_device_take(channel->device, &frame, channel->now) <= 0)
        return;
    read_payload(channel, &frame);
    hand->frames[hand->count++] = frame;
}

static void give_back(struct channel *channel, struct hand *hand, unsigned which)
{
    if (!hand->count)
        return;
    which %= hand->count;
    vshm_device_give_back(channel->device, hand->frames[which].id, hand->frames[which].sequence, channel->now);
    hand->frames[which] = hand->frames[--hand->count];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, data + size};
    struct channel channel;
    struct hand hand = {.count = 0};
    struct vshm_frame batch[4];
    unsigned exchanged = 0;
    int count;
    channel_open(&channel, &script);
    while (script.next < script.end) {
        const unsigned step = draw(&script);
        switch (step % 10) {
        case 0: case 1: take(&channel, &hand); break;
        case 2: give_back(&channel, &hand, step / 10); break;
        case 3:
            count = vshm_device_exchange(channel.device, batch, exchanged, 1 + step / 64, channel.now);
            exchanged = count > 0 ? (unsigned)count >> 1 : 0;
            for (unsigned i = 0; i < exchanged; i++)
                read_payload(&channel, &batch[i]);
            break;
        case 4: publish(&channel); break;
        case 5: vshm_device_poll(channel.device, channel.now); break;
        case 6: watch(&channel); break;
        case 7:
            if (step > 240)
                vshm_device_restart(channel.device, channel.now), hand.count = 0;
            else if (step > 220)
                vshm_driver_restart(channel.driver, channel.now);
            vshm_driver_poll(channel.driver, channel.now);
            break;
        default: lie(&channel, &script); break;
        }
        channel.now += step / 10;
    }
    const struct vshm_counters *counters = vshm_device_counters(channel.device, channel.now);
    if (counters->popped > counters->pushed)
        abort();
    return 0;
}
