/*
 * Descheduling: a hypervisor takes the core away from its guest, and the guest's clock goes on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * While a timer's callback runs, no vCPU executes; so time passes in here.  When all vCPUs are stopped, QEMU takes the
 * machine for a sleeping one and can move its clock on to the next timer, whose callback is then called as ever.  An
 * interrupt that it raises is pending when the vCPUs go on.  None of this leaves the thread: QEMU's main loop would do
 * the same for a sleeping guest, but when it wakes up depends on the host, and with several vCPUs so would their turns.
 *
 * QEMU stops a vCPU by its variable `current_cpu`.  With -icount all vCPUs take turns in one thread, the one in which
 * timers of the virtual clock run: so each can be the current one for a moment.
 */
#define _GNU_SOURCE
#include "processors.h"

#include "symbols.h"
#include "timer.h"

#include <stddef.h>

static struct {
    void *(*get_cpu)(int index);
    void (*stop_current)(void);
    void (*heed)(void *cpu);
    void (*resume)(void *cpu);
    void (*do_queued_work)(void *cpu);
    bool (*all_idle)(void);
    bool (*machine_runs)(void);
    void (*warp)(void);
    bool (*run_timers)(int clock);
    bool (*is_idle)(void *cpu);
} qemu;

bool processors_bind(void)
{
    void **current_cpu;
    bool found = resolve(&current_cpu, "current_cpu", NULL);

    found &= resolve(&qemu.get_cpu, "qemu_get_cpu", NULL);
    found &= resolve(&qemu.stop_current, "cpu_stop_current", NULL);
    found &= resolve(&qemu.heed, "qemu_wait_io_event_common", NULL);
    found &= resolve(&qemu.resume, "cpu_resume", NULL);
    found &= resolve(&qemu.do_queued_work, "process_queued_cpu_work", NULL);
    found &= resolve(&qemu.all_idle, "all_cpu_threads_idle", NULL);
    found &= resolve(&qemu.machine_runs, "runstate_is_running", NULL);
    found &= resolve(&qemu.warp, "icount_start_warp_timer", NULL);
    found &= resolve(&qemu.run_timers, "qemu_clock_run_timers", NULL);
    found &= resolve(&qemu.is_idle, "cpu_thread_is_idle", NULL);
    return found;
}

void processors_stop_but(int index)
{
    void **current = NULL;
    void *before;

    resolve(&current, "current_cpu", NULL); /* each thread has its own */
    before = *current;
    for (int i = 0; (*current = qemu.get_cpu(i)); i++) {
        if (i == index)
            continue;
        qemu.stop_current(); /* a request, */
        qemu.heed(*current); /* which is obeyed here */
    }
    *current = before;
}

void processors_resume(void)
{
    void *cpu;

    for (int i = 0; (cpu = qemu.get_cpu(i)); i++)
        qemu.resume(cpu);
}

/*
 * QEMU's main loop wakes the thread of the vCPUs by queueing work that does nothing.  Whether it has done so once more
 * than was needed depends on the host, and a vCPU with queued work is not idle: so the work is done first.
 */
static void do_queued_work(void)
{
    void *cpu;

    for (int i = 0; (cpu = qemu.get_cpu(i)); i++)
        qemu.do_queued_work(cpu);
}

bool processors_idle(void)
{
    if (qemu.all_idle())
        return true;
    do_queued_work();
    return qemu.all_idle();
}

int processors_awake(int first)
{
    int count = 0;

    do_queued_work();
    while (qemu.get_cpu(count))
        count++;
    for (int i = first; i < first + count; i++)
        if (!qemu.is_idle(qemu.get_cpu(i % count)))
            return i % count;
    return NOBODY;
}

static bool arrived;

static void on_arrival(void *opaque)
{
    (void)opaque;
    arrived = true;
    timer_stay(); /* the callbacks of timers that are due at the same time must not move the clock on */
}

bool processors_skip(uint64_t until_ns)
{
    static struct timer arrival = {.callback = on_arrival};

    if (timer_now() >= until_ns)
        return true;
    if (!qemu.machine_runs())
        return false;
    arrived = false;
    timer_arm(&arrival, until_ns); /* the clock is not moved beyond it */
    processors_stop_but(NOBODY);
    while (!arrived) {
        do_queued_work();
        qemu.warp();
        qemu.run_timers(CLOCK_VIRTUAL);
    }
    processors_resume();
    timer_leave();
    return true;
}
