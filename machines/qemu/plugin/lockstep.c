/*
 * Lockstep: holds a QEMU guest at every boundary of virtual time until the coordinator grants the next stretch.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Loaded with  -plugin lockstep.so,socket=FD,parent=PID  under  -icount shift=N,sleep=off; further arguments are those
 * of a microcontroller (microcontroller.c).  Where the simulator is not the parent: socket=PATH,parent=0, and the
 * process ends when the socket does.
 *
 * A QEMU_CLOCK_VIRTUAL timer stands at the end of each grant, and of the slice of it in which the processors execute.
 * Its callback runs in the vCPU thread with the big QEMU lock held, so the guest and its devices stand still at exactly
 * that nanosecond while the callback waits on the socket.
 *
 * QEMU's timers are no part of its plugin interface; distribution builds export their symbols because they load
 * modules, so they are looked up at start and a missing one is reported by name.
 */
#define _GNU_SOURCE
#include "microcontroller.h"
#include "processors.h"
#include "symbols.h"
#include "timer.h"
#include "turns.h"
#include "waits.h"
#include "wire.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The few entry points of qemu-plugin.h that are used here; Debian does not package the header. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_info {
    const char *target;
    /* and more that is not used here */
};
typedef void (*translation_callback)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translation_callback cb);

#define EXPORT __attribute__((visibility("default")))

/* 1 up to QEMU 8, 2 from QEMU 9 on: given by the build, once for each. */
EXPORT int qemu_plugin_version = LOCKSTEP_PLUGIN_API;

/* How long the main loop gets per DRAIN to consume an eventfd, and per YIELD to stop the machine, in microseconds. */
enum { DRAIN_US = 30, YIELD_US = 1000 };

enum order_kind { ORDER_GRANT = 1, ORDER_DRAIN = 2, ORDER_YIELD = 3, ORDER_RING = 4 };

/*
 * GRANT: run up to until_ns, then report; the processors execute from start_ns on and before stop_ns only.
 * DRAIN: stay, let the main loop consume what became readable, report again.
 * YIELD: go round the vCPU's loop at this nanosecond, where the main loop can stop the machine; report if it did not.
 * RING: pend the doorbell of a microcontroller; no report follows.
 */
struct order {
    uint64_t kind;     /* enum order_kind */
    /* Of ORDER_GRANT, in QEMU's virtual time: */
    uint64_t until_ns; /* the next boundary */
    uint64_t start_ns; /* of a slice of the grant; 0 and UINT64_MAX: all of it */
    uint64_t stop_ns;
};

struct report {
    uint64_t now_ns;       /* QEMU's virtual time */
    uint64_t deadline_ns;  /* time of the next timer of the guest, UINT64_MAX when there is none */
    uint64_t instructions; /* executed since the machine was made */
    uint64_t idle;         /* 1: every vCPU is halted and nothing is pending */
};

static struct {
    int64_t (*instructions)(void);
    int (*shutdown_requested)(void);
    void *(*get_cpu)(int index);
    void (*run_on_cpu)(void *cpu, void (*work)(void *cpu, uint64_t data), uint64_t data);
    void (*lock)(const char *file, int line);
    void (*unlock)(void);
} qemu;

static void on_timer(void *opaque);

static struct timer boundary = {.callback = on_timer};
static struct order granted;
static int coordinator = -1;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "lockstep: %s\n", what);
    _exit(1);
}

static void report_boundary(void)
{
    struct report report = {
        .now_ns = timer_now(),
        .deadline_ns = timer_deadline(),
        .instructions = (uint64_t)qemu.instructions(),
        .idle = processors_idle(),
    };

    if (mcu_present())
        mcu_set_count(report.instructions);
    if (send(coordinator, &report, sizeof report, MSG_NOSIGNAL) != (ssize_t)sizeof report)
        _exit(1); /* the coordinator is gone, and nobody will ever grant again */
}

static struct order await_order(void)
{
    struct order order;
    ssize_t got;

    do {
        got = recv(coordinator, &order, sizeof order, 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof order)
        _exit(1);
    return order;
}

static void release_lock_for(unsigned int us)
{
    qemu.unlock();
    usleep(us);
    qemu.lock(__FILE__, __LINE__);
}

static void call_again(void)
{
    timer_arm(&boundary, timer_now());
}

/* Runs in the vCPU thread outside of any timer: to stop the machine, the main loop waits for running timers to end. */
static void yield_to_main_loop(void *cpu, uint64_t data)
{
    (void)cpu;
    (void)data;
    call_again();
    release_lock_for(YIELD_US);
}

/* Report, and follow orders until one says to leave the callback or to let time pass. */
static struct order hold_boundary(void)
{
    struct order order;

    for (;;) {
        report_boundary();
        order = await_order();
        for (; order.kind == ORDER_RING; order = await_order())
            mcu_ring();
        if (order.kind != ORDER_DRAIN)
            return order;
        timer_stay(); /* a sleeping guest would go on as soon as the main loop runs */
        release_lock_for(DRAIN_US);
        timer_leave();
    }
}

static void take_grant(const struct order *order)
{
    granted = *order;
    if (granted.stop_ns > granted.until_ns)
        granted.stop_ns = granted.until_ns;
    if (granted.start_ns >= granted.stop_ns)
        granted.start_ns = granted.stop_ns = 0;
}

/* Let the time pass in which nothing executes, up to the slice of the grant or behind it; false: not now. */
static bool skip_to_slice(void)
{
    return processors_skip(granted.start_ns) && (timer_now() < granted.stop_ns || processors_skip(granted.until_ns));
}

/*
 * A guest that has powered off or reset its machine reports no boundary any more: the main loop ends QEMU, which it may
 * have begun to do or not.
 */
static void on_timer(void *opaque)
{
    struct order order;

    (void)opaque;
    if (qemu.shutdown_requested())
        return;
    turns_suspend();
    while (skip_to_slice()) {
        if (timer_now() < granted.until_ns) {
            timer_arm(&boundary, granted.stop_ns);
            turns_go_on();
            return;
        }
        order = hold_boundary();
        if (order.kind == ORDER_YIELD) {
            /* A timer at now, armed here, would fire again before this callback's caller looks at anything else. */
            qemu.run_on_cpu(qemu.get_cpu(0), yield_to_main_loop, 0);
            return;
        }
        take_grant(&order);
    }
    call_again(); /* when the machine runs */
}

/* For each block: what is added to it here runs whenever the block does. */
static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    if (mcu_present())
        mcu_count(tb);
    waits_watch(tb);
}

static void on_first_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    if (mcu_present())
        mcu_power_on();
    on_translation(id, tb);
    call_again();
}

static bool bind_all(const char *target)
{
    bool found = timer_bind();

    found &= resolve(&qemu.instructions, "icount_get_raw", NULL);
    found &= resolve(&qemu.shutdown_requested, "qemu_shutdown_requested_get", NULL);
    found &= resolve(&qemu.get_cpu, "qemu_get_cpu", NULL);
    found &= resolve(&qemu.run_on_cpu, "async_run_on_cpu", NULL);
    found &= resolve(&qemu.lock, "bql_lock_impl", "qemu_mutex_lock_iothread_impl");
    found &= resolve(&qemu.unlock, "bql_unlock", "qemu_mutex_unlock_iothread");
    found &= processors_bind();
    found &= turns_bind();
    if (mcu_present())
        found &= mcu_bind();
    found &= waits_bind(target);
    return found;
}

/* The simulator may be killed at any moment: this process must not outlive it. */
static void die_with(long parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)parent)
        die("the simulator has ended");
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
    long parent = -1;

    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "socket=", 7) == 0)
            coordinator = wire_open(argv[i] + 7);
        else if (strncmp(argv[i], "parent=", 7) == 0)
            parent = atol(argv[i] + 7);
        else if (!mcu_take_argument(argv[i]))
            die("an argument is none of socket, parent, window, map, counter, doorbell");
    }
    if (coordinator < 0 || parent < 0)
        die("socket=FD and parent=PID are needed");
    if (parent)
        die_with(parent);
    if (!bind_all(info->target))
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_first_translation);
    return 0;
}
