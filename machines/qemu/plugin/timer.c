/*
 * QEMU's virtual clock and timers of it, which are no part of its plugin interface.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "timer.h"

#include "symbols.h"

#include <stddef.h>

/* qemu/timer.h: SCALE_NS, QEMU_TIMER_ATTR_ALL */
enum { SCALE_NS = 1, TIMER_ATTRIBUTES_ALL = -1 };

static struct {
    int64_t (*clock_get_ns)(int clock);
    void (*init)(void *timer, void *group, int clock, int scale, int attributes, void (*cb)(void *), void *opaque);
    void (*mod_ns)(void *timer, int64_t expire_ns);
    void (*del)(void *timer);
    int64_t (*deadline_ns_all)(int clock, int attributes);
} qemu;

static void nothing(void *opaque)
{
    (void)opaque;
}

static struct timer due = {.callback = nothing};

bool timer_bind(void)
{
    bool found = true;

    found &= resolve(&qemu.clock_get_ns, "qemu_clock_get_ns", NULL);
    found &= resolve(&qemu.init, "timer_init_full", NULL);
    found &= resolve(&qemu.mod_ns, "timer_mod_ns", NULL);
    found &= resolve(&qemu.del, "timer_del", NULL);
    found &= resolve(&qemu.deadline_ns_all, "qemu_clock_deadline_ns_all", NULL);
    return found;
}

uint64_t timer_now(void)
{
    return (uint64_t)qemu.clock_get_ns(CLOCK_VIRTUAL);
}

uint64_t timer_deadline(void)
{
    int64_t left = qemu.deadline_ns_all(CLOCK_VIRTUAL, TIMER_ATTRIBUTES_ALL);

    return left < 0 ? UINT64_MAX : timer_now() + (uint64_t)left;
}

void timer_arm(struct timer *timer, uint64_t at_ns)
{
    if (!timer->known)
        qemu.init(timer->qemu, NULL, CLOCK_VIRTUAL, SCALE_NS, 0, timer->callback, NULL);
    timer->known = true;
    qemu.mod_ns(timer->qemu, (int64_t)at_ns);
}

void timer_cancel(struct timer *timer)
{
    if (timer->known)
        qemu.del(timer->qemu);
}

void timer_stay(void)
{
    timer_arm(&due, timer_now());
}

void timer_leave(void)
{
    timer_cancel(&due);
}
