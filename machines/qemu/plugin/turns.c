/*
 * Turns: of a guest's vCPUs, one executes and the others are stopped, until its turn is over, it falls asleep or spins.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * With -icount, QEMU runs several vCPUs one after the other in one thread, and passes on to the next one whenever that
 * thread is kicked.  Its main loop and its RCU thread do that too, at moments that depend on the host.  So the turns are
 * dealt here, by virtual time alone: where only one vCPU can execute, it does not matter how often QEMU goes round.
 *
 * A sleeping guest is the same matter.  QEMU's main loop would move its clock on as soon as it sees all vCPUs asleep,
 * and it takes stopped ones for sleeping ones.  So the vCPUs' thread moves the clock on itself, in work that is queued
 * before a vCPU falls asleep: until that work is done, the machine is not idle to the main loop.
 */
#define _GNU_SOURCE
#include "turns.h"

#include "processors.h"
#include "symbols.h"
#include "timer.h"

#include <stddef.h>
#include <stdint.h>

/* Short beside what guests wait for (a tick of Linux is 4 ms), long beside what a turn costs the host (microseconds). */
enum { SHORTEST_TURN_NS = 75 * 1000, SPREAD_NS = 50 * 1000 };

/* Turns are of different length, lest they keep pace with a loop of the guest that has a lock at the end of each. */
static uint64_t turn_ns(uint64_t start_ns)
{
    return SHORTEST_TURN_NS + ((uint32_t)start_ns * 2654435761u >> 8) % SPREAD_NS; /* Knuth, TAOCP 3, section 6.4 */
}

static struct {
    void *(*get_cpu)(int index);
    bool (*all_idle)(void);
    bool (*machine_runs)(void);
    int (*shutdown_requested)(void);
    void (*warp)(void);
    bool (*run_timers)(int clock);
    void (*run_on_cpu)(void *cpu, void (*work)(void *cpu, uint64_t data), uint64_t data);
    void (*lock)(const char *file, int line);
    void (*unlock)(void);
    void *(*on_change)(void (*callback)(void *opaque, bool running, int state), void *opaque);
} qemu;

static void on_turn(void *opaque);

static struct timer turn = {.callback = on_turn};
static bool suspended;
static int holder;
static uint64_t end_ns; /* of the holder's turn */
static bool spun;       /* the holder did, and passed its turn on */
static bool alone;      /* to nobody: all others sleep, so it may spin to the end of the turn */

bool turns_bind(void)
{
    bool found = true;

    found &= resolve(&qemu.get_cpu, "qemu_get_cpu", NULL);
    found &= resolve(&qemu.all_idle, "all_cpu_threads_idle", NULL);
    found &= resolve(&qemu.machine_runs, "runstate_is_running", NULL);
    found &= resolve(&qemu.shutdown_requested, "qemu_shutdown_requested_get", NULL);
    found &= resolve(&qemu.warp, "icount_start_warp_timer", NULL);
    found &= resolve(&qemu.run_timers, "qemu_clock_run_timers", NULL);
    found &= resolve(&qemu.run_on_cpu, "async_run_on_cpu", NULL);
    found &= resolve(&qemu.lock, "bql_lock_impl", "qemu_mutex_lock_iothread_impl");
    found &= resolve(&qemu.unlock, "bql_unlock", "qemu_mutex_unlock_iothread");
    found &= resolve(&qemu.on_change, "qemu_add_vm_change_state_handler", NULL);
    return found;
}

static bool several(void)
{
    return qemu.get_cpu(1) != NULL;
}

static bool lives(void)
{
    return qemu.machine_runs() && !qemu.shutdown_requested();
}

/* Runs between two rounds of the vCPUs' thread, with the lock held. */
static void pass_time_asleep(void *cpu, uint64_t data)
{
    (void)cpu;
    (void)data;
    if (suspended || !lives())
        return;
    processors_resume(); /* one that is stopped may be awake */
    timer_cancel(&turn);
    while (qemu.all_idle() && lives()) {
        qemu.warp();
        if (!qemu.run_timers(CLOCK_VIRTUAL))
            break;
    }
    if (!suspended)
        timer_arm(&turn, timer_now());
}

static void let_time_pass(void)
{
    qemu.run_on_cpu(qemu.get_cpu(0), pass_time_asleep, 0);
}

/* Who has the turn keeps it to its end, wherever boundaries lie. */
static void on_turn(void *opaque)
{
    int next;

    (void)opaque;
    if (!lives())
        return;
    processors_resume();
    next = processors_awake(timer_now() < end_ns ? holder : holder + 1);
    if (next == NOBODY) {
        let_time_pass();
        return;
    }
    if (next != holder || timer_now() >= end_ns)
        end_ns = timer_now() + turn_ns(timer_now());
    alone = spun && next == holder;
    spun = false;
    holder = next;
    processors_stop_but(holder);
    timer_arm(&turn, end_ns);
}

/* A debugger or a monitor that lets the machine go on makes QEMU resume all vCPUs. */
static void on_change(void *opaque, bool running, int state)
{
    (void)opaque;
    (void)state;
    if (running && !suspended)
        timer_arm(&turn, timer_now());
}

void turns_suspend(void)
{
    static bool known;

    if (!several())
        return;
    if (!known)
        qemu.on_change(on_change, NULL);
    known = true;
    suspended = true;
    timer_cancel(&turn);
    if (lives())
        processors_resume();
}

void turns_go_on(void)
{
    if (!several())
        return;
    suspended = false;
    timer_arm(&turn, timer_now());
}

static void end_turn(void *cpu, uint64_t data)
{
    (void)cpu;
    (void)data;
    if (suspended)
        return;
    spun = true;
    end_ns = timer_now();
    timer_arm(&turn, end_ns);
}

void turns_pass_on(void)
{
    if (several() && !alone)
        qemu.run_on_cpu(qemu.get_cpu(0), end_turn, 0);
}

/* The main loop looks at one vCPU after the other: without the lock, work could be queued where it has looked. */
void turns_sleep(void)
{
    if (!several())
        return;
    qemu.lock(__FILE__, __LINE__);
    let_time_pass();
    qemu.unlock();
}
