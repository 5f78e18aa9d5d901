/* SPDX-License-Identifier: Apache-2.0 */
/* From the first C statement to the end: check the control page, connect the ports, then receive, work, send, sleep. */
#include "main.h"

#include "board.h"
#include "control.h"
#include "doorbell.h"
#include "fault.h"
#include "ports.h"
#include "stack.h"

static uint64_t timer_ns;

void set_timer_ns(uint64_t at_ns) { timer_ns = at_ns; }

__attribute__((weak)) void on_start(void) {}
__attribute__((weak)) void on_tensors(void) {}
__attribute__((weak)) void on_timer(void) {}

static void check_control_page(void)
{
    if (control.magic != CONTROL_MAGIC)
        fault(FAULT_CONTROL_PAGE, CALLER(), 0, (uint32_t)(uintptr_t)&control.magic, control.magic);
    if (control.version != CONTROL_VERSION || control.channel_count > CONTROL_CHANNELS)
        fault(FAULT_CONTROL_PAGE, CALLER(), 0, (uint32_t)(uintptr_t)&control.version, control.version);
    control.ready_version = CONTROL_VERSION;
    control.ready_magic = CONTROL_READY_MAGIC;
}

/* Do what there is to do. False: nothing, until the host rings or it is time. */
static bool work(void)
{
    const uint64_t due_ns = timer_ns;
    outputs_poll();
    if (due_ns && now_ns() >= due_ns) {
        timer_ns = 0;
        on_timer();
        return true;
    }
    if (!inputs_collect())
        return false;
    on_tensors();
    inputs_release();
    stack_measure();
    return true;
}

/* The earlier of two times, of which 0 is none. */
static uint64_t earlier(uint64_t one, uint64_t other)
{
    if (!one || !other)
        return one | other;
    return one < other ? one : other;
}

_Noreturn void firmware_main(void)
{
    control.state = STATE_BOOTING;
    stack_paint();
    board_start();
    cycles_start();
    doorbell_enable();
    check_control_page();
    ports_connect();
    log_line("firmware runs, %u channels", (unsigned)control.channel_count);
    on_start();
    stack_measure();
    control.state = STATE_RUNNING;
    for (;;) {
        control.heartbeat++;
        const uint32_t count = doorbell_count();
        if (!work())
            doorbell_sleep(count, earlier(timer_ns, inputs_due_ns()));
    }
}
