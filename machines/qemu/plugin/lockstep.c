/*
 * Lockstep: holds a QEMU guest at every boundary of virtual time until the coordinator grants the next stretch.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Loaded with  -plugin lockstep.so,socket=FD,parent=PID  under  -icount shift=N,sleep=off; further arguments are those
 * of a microcontroller (microcontroller.c).  A QEMU_CLOCK_VIRTUAL timer stands at the end of each grant.  Its callback
 * runs in the vCPU thread with the big QEMU lock held, so the guest and its devices stand still at exactly that
 * nanosecond while the callback waits on the socket.
 *
 * QEMU's timers are no part of its plugin interface; distribution builds export their symbols because they load
 * modules, so they are looked up at start and a missing one is reported by name.
 */
#define _GNU_SOURCE
#include "microcontroller.h"
#include "sleep.h"
#include "symbols.h"

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

/* qemu/timer.h: enum QEMUClockType, SCALE_NS, QEMU_TIMER_ATTR_ALL; larger than any QEMUTimer. */
enum { CLOCK_VIRTUAL = 1, SCALE_NS = 1, TIMER_ATTRIBUTES_ALL = -1, TIMER_BYTES = 512 };

/* How long the main loop gets per DRAIN to consume an eventfd, and per YIELD to stop the machine, in microseconds. */
enum { DRAIN_US = 30, YIELD_US = 1000 };

enum order_kind { ORDER_GRANT = 1, ORDER_DRAIN = 2, ORDER_YIELD = 3, ORDER_RING = 4 };

/*
 * GRANT: run up to until_ns, then report.  DRAIN: stay, let the main loop consume what became readable, report again.
 * YIELD: go round the vCPU's loop at this nanosecond, where the main loop can stop the machine; report if it did not.
 */
struct order {
    uint64_t kind;     /* enum order_kind */
    uint64_t until_ns; /* ORDER_GRANT: QEMU's virtual time of the next boundary */
};

struct report {
    uint64_t now_ns;       /* QEMU's virtual time */
    uint64_t deadline_ns;  /* time of the next timer of the guest, UINT64_MAX when there is none */
    uint64_t instructions; /* executed since the machine was made */
    uint64_t idle;         /* 1: every vCPU is halted and nothing is pending */
};

static struct {
    int64_t (*clock_get_ns)(int clock);
    void (*timer_init_full)(void *timer, void *group, int clock, int scale, int attributes, void (*cb)(void *), void *opaque);
    void (*timer_mod_ns)(void *timer, int64_t expire_ns);
    int64_t (*deadline_ns_all)(int clock, int attributes);
    bool (*all_idle)(void);
    int64_t (*instructions)(void);
    void *(*get_cpu)(int index);
    void (*run_on_cpu)(void *cpu, void (*work)(void *cpu, uint64_t data), uint64_t data);
    void (*lock)(const char *file, int line);
    void (*unlock)(void);
} qemu;

static uint64_t timer[TIMER_BYTES / sizeof(uint64_t)];
static int coordinator = -1;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "lockstep: %s\n", what);
    _exit(1);
}

static void report_boundary(void)
{
    int64_t now = qemu.clock_get_ns(CLOCK_VIRTUAL);
    int64_t left = qemu.deadline_ns_all(CLOCK_VIRTUAL, TIMER_ATTRIBUTES_ALL);
    struct report report = {
        .now_ns = (uint64_t)now,
        .deadline_ns = left < 0 ? UINT64_MAX : (uint64_t)(now + left),
        .instructions = (uint64_t)qemu.instructions(),
        .idle = qemu.all_idle(),
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

/* An idle guest would warp to its next timer as soon as the main loop runs: a timer at now forbids it. */
static void stay_at_now(void)
{
    qemu.timer_mod_ns(timer, qemu.clock_get_ns(CLOCK_VIRTUAL));
}

/* Runs in the vCPU thread outside of any timer: to stop the machine, the main loop waits for running timers to end. */
static void yield_to_main_loop(void *cpu, uint64_t data)
{
    (void)cpu;
    (void)data;
    stay_at_now();
    release_lock_for(YIELD_US);
}

static void on_boundary(void *opaque)
{
    struct order order;

    (void)opaque;
    for (;;) {
        report_boundary();
        order = await_order();
        for (; order.kind == ORDER_RING; order = await_order())
            mcu_ring();
        if (order.kind != ORDER_DRAIN)
            break;
        stay_at_now();
        release_lock_for(DRAIN_US);
    }
    if (order.kind == ORDER_GRANT)
        qemu.timer_mod_ns(timer, (int64_t)order.until_ns);
    else /* a timer at now, armed here, would fire again before this callback's caller looks at anything else */
        qemu.run_on_cpu(qemu.get_cpu(0), yield_to_main_loop, 0);
}

/* For each block: what is added to it here runs whenever the block does. */
static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    if (mcu_present())
        mcu_count(tb);
    sleep_watch(tb);
}

static void on_first_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    if (mcu_present())
        mcu_power_on();
    on_translation(id, tb);
    qemu.timer_init_full(timer, NULL, CLOCK_VIRTUAL, SCALE_NS, 0, on_boundary, NULL);
    qemu.timer_mod_ns(timer, qemu.clock_get_ns(CLOCK_VIRTUAL));
}

static bool bind_all(const char *target)
{
    bool found = true;

    found &= resolve(&qemu.clock_get_ns, "qemu_clock_get_ns", NULL);
    found &= resolve(&qemu.timer_init_full, "timer_init_full", NULL);
    found &= resolve(&qemu.timer_mod_ns, "timer_mod_ns", NULL);
    found &= resolve(&qemu.deadline_ns_all, "qemu_clock_deadline_ns_all", NULL);
    found &= resolve(&qemu.all_idle, "all_cpu_threads_idle", NULL);
    found &= resolve(&qemu.instructions, "icount_get_raw", NULL);
    found &= resolve(&qemu.get_cpu, "qemu_get_cpu", NULL);
    found &= resolve(&qemu.run_on_cpu, "async_run_on_cpu", NULL);
    found &= resolve(&qemu.lock, "bql_lock_impl", "qemu_mutex_lock_iothread_impl");
    found &= resolve(&qemu.unlock, "bql_unlock", "qemu_mutex_unlock_iothread");
    if (mcu_present())
        found &= mcu_bind();
    found &= sleep_bind(target);
    return found;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
    long parent = -1;

    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "socket=", 7) == 0)
            coordinator = atoi(argv[i] + 7);
        else if (strncmp(argv[i], "parent=", 7) == 0)
            parent = atol(argv[i] + 7);
        else if (!mcu_take_argument(argv[i]))
            die("an argument is none of socket, parent, window, map, counter, doorbell");
    }
    if (coordinator < 0 || parent < 0)
        die("socket=FD and parent=PID are needed");
    /* The simulator may be killed at any moment: this process must not outlive it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)parent)
        die("the simulator has ended");
    if (!bind_all(info->target))
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_first_translation);
    return 0;
}
