/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target for the driver side (and the tap): the script plays a lying device beside an honest one. */
#include "script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, data + size};
    struct channel channel;
    struct vshm_frame batch[4];
    unsigned exchanged = 0;
    int count;
    uint8_t payload[64] = {0};
    channel_open(&channel, &script);
    while (script.next < script.end) {
        const unsigned step = draw(&script);
        switch (step % 10) {
        case 0: case 1: publish(&channel); break;
        case 2: vshm_driver_send(channel.driver, &channel.tensor, payload, channel.now); break;
        case 3:
            if (vshm_driver_reserve(channel.driver, channel.now) > 0 && step > 128)
                vshm_driver_cancel(channel.driver);
            break;
        case 4:
            count = vshm_device_exchange(channel.device, batch, exchanged, 1 + step / 64, channel.now);
            exchanged = count > 0 ? (unsigned)count >> 1 : 0;
            break;
        case 5: vshm_driver_poll(channel.driver, channel.now); break;
        case 6: watch(&channel); break;
        case 7:
            if (step > 240)
                vshm_driver_restart(channel.driver, channel.now);
            else if (step > 220)
                vshm_device_restart(channel.device, channel.now);
            vshm_device_poll(channel.device, channel.now);
            break;
        default: lie(&channel, &script); break;
        }
        channel.now += step / 10;
    }
    const struct vshm_counters *counters = vshm_driver_counters(channel.driver, channel.now);
    if (counters->occupancy > channel.layout.depth || counters->popped > counters->pushed)
        abort();
    return 0;
}
