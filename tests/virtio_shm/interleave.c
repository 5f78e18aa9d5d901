/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends as coroutines that may change over at every single access to shared memory: any interleaving that a
 * sequentially consistent machine allows can come up, the seed decides which. Checked: no tensor is changed while the
 * device holds it, none comes twice or out of order, none is lost without being counted, no buffer leaks, and no
 * end sleeps while there is something for it (a lost wake-up is a deadlock here).
 *
 *     interleave FIRST_SEED SEEDS
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "vshm.h"

#define PAYLOAD 40u
#define MOST_DEPTH 8u
#define TENSORS 400u

static uint64_t seed, random_state;
static ucontext_t main_context, contexts[2];
static int running = -1, finished[2], asleep[2], bell[2];
static unsigned change_over; /* one access in this many */

static struct vshm_driver *driver;
static struct vshm_device *device;
static uint8_t *region;
static struct vshm_layout layout;
static struct vshm_tensor tensor = {
    .dtype = VSHM_UINT8, .rank = 1, .dimensions = {PAYLOAD}, .scale = 1.0, .payload_bytes = PAYLOAD};
static unsigned overflow;
static uint64_t now, given_up, taken, all_given_up[3];

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "seed %llu, policy %u, depth %u: ", (unsigned long long)seed, overflow, layout.depth);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

static unsigned dice(unsigned sides)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % sides);
}

static void change(void)
{
    const int self = running;
    if (finished[!self])
        return;
    running = !self;
    swapcontext(&contexts[self], &contexts[running]);
}

void meanwhile(void)
{
    if (running >= 0 && dice(change_over) == 0)
        change();
}

/* Until the other end rings. If that one sleeps or is done, too, a wake-up was lost. */
static int sleep_until_rung(void)
{
    const int self = running;
    asleep[self] = 1;
    while (!bell[self]) {
        if (finished[!self])
            return 0;
        if (asleep[!self] && !bell[!self])
            fail("both ends sleep, %llu tensors taken", (unsigned long long)taken);
        change();
    }
    asleep[self] = 0;
    bell[self] = 0;
    return 1;
}

static void ring(int other, int kick)
{
    if (kick > 0)
        bell[other] = 1;
}

static void produce(void)
{
    uint64_t attempt = 0;
    while (attempt < TENSORS) {
        const int is_open = vshm_driver_poll(driver, ++now);
        const int slot = is_open > 0 ? vshm_driver_reserve(driver, ++now) : is_open;
        ring(1, vshm_driver_announce(driver));
        if (slot < 0)
            fail("the driver calls the device a liar: kind %d", -slot);
        if (slot == 0 && is_open && overflow != VSHM_BLOCK) { /* this tensor is dropped; the next one may have room */
            attempt++, given_up++;
            change();
            continue;
        }
        if (slot == 0) {
            if (!sleep_until_rung())
                break;
            continue;
        }
        if (dice(16) == 0) {
            vshm_driver_cancel(driver);
            continue;
        }
        memset(region + layout.slots + (size_t)layout.slot_bytes * (unsigned)(slot - 1) + 128, (int)(attempt & 255),
               PAYLOAD);
        const int kick = vshm_driver_commit(driver, &tensor, attempt, 0, 1, ++now);
        if (kick < 0)
            fail("commit: %d", kick);
        ring(1, kick);
        attempt++;
    }
    finished[0] = 1;
    asleep[1] = 0;
    bell[1] = 1;
    running = 1;
    if (finished[1])
        setcontext(&main_context);
    setcontext(&contexts[1]);
}

static void check(const struct vshm_frame *frame, const char *when)
{
    for (unsigned i = 0; i < PAYLOAD; i++)
        if (region[frame->payload_offset + i] != (frame->origin_sequence & 255))
            fail("tensor %llu holds %u %s", (unsigned long long)frame->origin_sequence,
                 region[frame->payload_offset + i], when);
}

static void give_back(struct vshm_frame *held, unsigned *count)
{
    const unsigned which = dice(*count);
    check(&held[which], "when it is given back");
    const int kick = vshm_device_give_back(device, held[which].id, held[which].sequence, ++now);
    if (kick < 0)
        fail("give back: %d", kick);
    ring(0, kick);
    held[which] = held[--*count];
}

static void consume(void)
{
    struct vshm_frame held[MOST_DEPTH];
    unsigned count = 0;
    const unsigned most = 1 + dice(layout.depth);
    int64_t latest = -1;
    for (;;) {
        if (count == most || (count && dice(3) == 0)) {
            give_back(held, &count);
            continue;
        }
        const int got = vshm_device_take(device, &held[count], ++now);
        if (got < 0)
            fail("the device calls the driver a liar: kind %d", -got);
        ring(0, vshm_device_announce(device));
        if (got > 0) {
            check(&held[count], "when it is taken");
            if ((int64_t)held[count].origin_sequence <= latest)
                fail("tensor %llu after %lld", (unsigned long long)held[count].origin_sequence, (long long)latest);
            latest = (int64_t)held[count].origin_sequence;
            count++;
            taken++;
            continue;
        }
        if (vshm_device_due(device))
            continue; /* published while we were looking: by now it is no longer in our future */
        if (count)
            give_back(held, &count);
        else if (finished[0])
            break;
        else
            sleep_until_rung();
    }
    finished[1] = 1;
    running = 0;
    if (finished[0])
        setcontext(&main_context);
    setcontext(&contexts[0]);
}

static void settle_accounts(void)
{
    running = -1; /* no more changes */
    uint32_t revoked, before; /* at 64 in the driver's block: docs/ring.md */
    memcpy(&before, region + 64, sizeof before);
    for (unsigned i = 0; i < layout.depth; i++) {
        int slot = vshm_driver_reserve(driver, ++now);
        if (slot <= 0)
            fail("only %u of %u buffers came back", i, layout.depth);
        if (vshm_driver_commit(driver, &tensor, 0, 0, 1, ++now) < 0)
            fail("commit at the end");
    }
    const struct vshm_counters *counters = vshm_driver_counters(driver, now);
    memcpy(&revoked, region + 64, sizeof revoked);
    if (revoked != before)
        fail("a buffer did not come back: others were withdrawn");
    const uint64_t pushed = counters->pushed - layout.depth;
    const uint64_t withdrawn = counters->dropped - given_up;
    uint32_t refused; /* at 92 in the driver's block: docs/ring.md */
    memcpy(&refused, region + 92, sizeof refused);
    if (pushed + given_up != TENSORS)
        fail("%llu published and %llu given up", (unsigned long long)pushed, (unsigned long long)given_up);
    if (refused != given_up || (withdrawn && overflow != VSHM_DROP_OLDEST))
        fail("%u counted as refused, %llu were", refused, (unsigned long long)given_up);
    if (overflow != VSHM_BLOCK && counters->stalls)
        fail("a producer that drops has waited %llu times", (unsigned long long)counters->stalls);
    all_given_up[overflow] += given_up;
    if (pushed != taken + withdrawn)
        fail("%llu published, %llu taken, %llu withdrawn", (unsigned long long)pushed, (unsigned long long)taken,
             (unsigned long long)withdrawn);
}

static void run(void)
{
    static uint8_t stacks[2][1 << 16];
    void (*const bodies[2])(void) = {produce, consume};
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    const uint32_t depth = 2u << dice(3), event_index = dice(2);
    overflow = dice(3);
    change_over = 1u << dice(8);
    vshm_layout_init(&layout, depth, PAYLOAD);
    memset(region, 0, layout.region_bytes);
    const struct vshm_driver_config driver_config = {depth, PAYLOAD, overflow, event_index, dice(2)};
    const struct vshm_device_config device_config = {depth, PAYLOAD, 1, 1, &tensor};
    now = 1;
    given_up = taken = 0;
    running = -1;
    vshm_driver_init(driver, region, &driver_config, now);
    vshm_device_init(device, region, &device_config, now);
    for (int side = 0; side < 2; side++) {
        finished[side] = asleep[side] = 0;
        bell[side] = 1;
        getcontext(&contexts[side]);
        contexts[side].uc_stack.ss_sp = stacks[side];
        contexts[side].uc_stack.ss_size = sizeof stacks[side];
        contexts[side].uc_link = NULL;
        makecontext(&contexts[side], bodies[side], 0);
    }
    running = (int)dice(2);
    swapcontext(&main_context, &contexts[running]);
    settle_accounts();
}

int main(int count, char **arguments)
{
    const uint64_t first = count > 1 ? strtoull(arguments[1], NULL, 10) : 0;
    const uint64_t seeds = count > 2 ? strtoull(arguments[2], NULL, 10) : 100;
    region = aligned_alloc(64, 1 << 16);
    driver = malloc(vshm_driver_bytes(MOST_DEPTH * 2));
    device = malloc(vshm_device_bytes(MOST_DEPTH * 2));
    if (!region || !driver || !device)
        return 1;
    for (seed = first + 1; seed <= first + seeds; seed++)
        run();
    printf("%llu seeds, refused %llu %llu %llu\n", (unsigned long long)seeds, (unsigned long long)all_given_up[0],
           (unsigned long long)all_given_up[1], (unsigned long long)all_given_up[2]);
    return 0;
}
