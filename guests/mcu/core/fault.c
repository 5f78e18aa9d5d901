/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"

#include "board.h"
#include "console.h"
#include "doorbell.h"
#include "service.h"

_Noreturn void fault(enum control_fault kind, uint32_t pc, uint32_t lr, uint32_t address, uint32_t status)
{
    control.fault_kind = kind;
    control.fault_pc = pc;
    control.fault_lr = lr;
    control.fault_address = address;
    control.fault_status = status;
    control.state = STATE_FAULT;
    control.ready_version = CONTROL_VERSION;
    control.ready_magic = CONTROL_READY_MAGIC; /* it may be too early for these to have been written */
    console_text("fault ");
    console_number(kind, 10);
    console_text(" at 0x");
    console_number(pc, 16);
    console_text(", called from 0x");
    console_number(lr, 16);
    console_text(", address 0x");
    console_number(address, 16);
    console_text(", status 0x");
    console_number(status, 16);
    console_text("\n");
    control.wake_ns = 0;
    control.slept_count = doorbell_count();
    control.idle = 1;
    for (;;) {
        doorbell_clear();
        doorbell_wait();
    }
}

_Noreturn void panic(uint32_t code)
{
    fault(FAULT_PANIC, CALLER(), 0, 0, code);
}
