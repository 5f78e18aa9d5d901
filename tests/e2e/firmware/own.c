/* SPDX-License-Identifier: Apache-2.0 */
/* A user's own firmware for the ESP32-C3 on QEMU: no core of ours but the ring's, never asleep. Sends back what it gets. */
#include "control.h"
#include "service.h"

MCU_PORT(tensor, MCU_INPUT, 0, uint8, 64)
MCU_PORT(result, MCU_OUTPUT, 0, uint8, 64)

static uint64_t taker[256], sender[256]; /* memory of the two ends */
static const struct vshm_tensor kind = {VSHM_UINT8, 1, {64}, 1.0, 0, 64};

static uint64_t now(void)
{
    uint64_t limit, time;
    do {
        limit = control.limit_ns;
        const uint32_t elapsed = (uint32_t)control.counter - (uint32_t)control.base_count;
        time = control.base_ns + (uint64_t)elapsed * control.ns_numerator;
    } while (control.limit_ns != limit);
    return time < limit ? time : limit;
}

static void *ring(uint32_t number) { return (unsigned char *)(uintptr_t)&control + control.channels[number].offset; }

static void ring_doorbell(uint32_t number, int wanted)
{
    if (wanted > 0)
        control.out_count[number]++;
}

__attribute__((used)) static void run(void)
{
    struct vshm_device *const in = (struct vshm_device *)taker;
    struct vshm_driver *const out = (struct vshm_driver *)sender;
    const volatile struct control_channel *entry = control.channels;
    const struct vshm_device_config in_config = {entry[0].depth, entry[0].payload_bytes, 1, 1, &kind};
    const struct vshm_driver_config out_config = {entry[1].depth, entry[1].payload_bytes, entry[1].overflow, 1, 0};
    vshm_device_init(in, ring(0), &in_config, now());
    vshm_driver_init(out, ring(1), &out_config, now());
    control.ready_version = CONTROL_VERSION;
    control.ready_magic = CONTROL_READY_MAGIC;
    control.state = STATE_RUNNING;
    for (;;) {
        struct vshm_frame frame;
        control.heartbeat++;
        vshm_driver_poll(out, now());
        ring_doorbell(1, vshm_driver_announce(out));
        if (vshm_device_take(in, &frame, now()) > 0) {
            ring_doorbell(1, vshm_driver_send(out, &kind, (unsigned char *)ring(0) + frame.payload_offset, now()));
            ring_doorbell(0, vshm_device_give_back(in, frame.id, frame.sequence, now()));
        }
        ring_doorbell(0, vshm_device_announce(in));
    }
}

__attribute__((naked, section(".reset"))) void reset(void)
{
    __asm__ volatile("la sp, stack_top\n j run");
}
