/* SPDX-License-Identifier: Apache-2.0 */
/* Every trap is the end: find out which one it was (RISC-V Privileged 1.12, 3.1.15). */
#include "fault.h"
#include "stack.h"

#define FAULT_STACK_WORDS 128

enum cause {
    CAUSE_FETCH_MISALIGNED,
    CAUSE_FETCH_ACCESS,
    CAUSE_ILLEGAL,
    CAUSE_BREAKPOINT,
    CAUSE_LOAD_MISALIGNED,
    CAUSE_LOAD_ACCESS,
    CAUSE_STORE_MISALIGNED,
    CAUSE_STORE_ACCESS
};

void trap(void);

__attribute__((used)) static uint32_t fault_stack[FAULT_STACK_WORDS] __attribute__((aligned(16)));

__attribute__((used)) static _Noreturn void tell(uint32_t pc, uint32_t lr, uint32_t address, uint32_t cause)
{
    enum control_fault kind = FAULT_EXCEPTION;
    if (cause == CAUSE_ILLEGAL || cause == CAUSE_BREAKPOINT || cause == CAUSE_FETCH_MISALIGNED)
        kind = FAULT_INSTRUCTION;
    else if (cause <= CAUSE_STORE_ACCESS)
        kind = stack_is_below(address) ? FAULT_STACK : FAULT_MEMORY;
    fault(kind, pc, lr, address, cause);
}

__attribute__((naked, aligned(4))) void trap(void)
{
    __asm__ volatile("csrr a0, mepc\n"
                     "mv a1, ra\n"
                     "csrr a2, mtval\n"
                     "csrr a3, mcause\n"
                     "la sp, fault_stack + 512\n"
                     "j tell");
}

_Static_assert(sizeof fault_stack == 512, "its end stands in the assembler text above");
