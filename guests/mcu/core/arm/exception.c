/* SPDX-License-Identifier: Apache-2.0 */
/* Every exception is the end: find out which one it was (Armv7-M ARM, B3.2.15 to B3.2.18; Armv8-M ARM, D1.2.7). */
#include <stdint.h>

#include "board.h"
#include "fault.h"
#include "stack.h"

#define CFSR REGISTER32(0xe000ed28)
#define MMFAR REGISTER32(0xe000ed34)
#define BFAR REGISTER32(0xe000ed38)

#define CFSR_MEMORY 0x000000ffu
#define CFSR_IACCVIOL (1u << 0) /* not allowed as an instruction: the address is pc */
#define CFSR_MSTKERR (1u << 4) /* the frame could not be pushed: memory protection */
#define CFSR_MMARVALID (1u << 7)
#define CFSR_BUS 0x0000ff00u
#define CFSR_IBUSERR (1u << 8) /* nothing there to execute: the same */
#define CFSR_STKERR (1u << 12) /* the same: bus */
#define CFSR_BFARVALID (1u << 15)
#define CFSR_USAGE 0xffff0000u
#define CFSR_STKOF (1u << 20) /* Armv8-M: below the stack limit */

/* What the core pushes on entry. */
struct frame {
    uint32_t r0, r1, r2, r3, r12, lr, pc, xpsr;
};

void exception(void);

static enum control_fault classify(uint32_t status, uint32_t address)
{
    if (status & (CFSR_STKOF | CFSR_MSTKERR | CFSR_STKERR))
        return FAULT_STACK;
    if ((status & (CFSR_MMARVALID | CFSR_BFARVALID)) && stack_is_below(address))
        return FAULT_STACK;
    if (status & (CFSR_MEMORY | CFSR_BUS))
        return FAULT_MEMORY;
    return status & CFSR_USAGE ? FAULT_INSTRUCTION : FAULT_EXCEPTION;
}

__attribute__((used)) static _Noreturn void tell(const struct frame *frame)
{
    const uint32_t status = CFSR;
    uint32_t address = status & CFSR_MMARVALID ? MMFAR : status & CFSR_BFARVALID ? BFAR : 0;
    if (status & (CFSR_STKOF | CFSR_MSTKERR | CFSR_STKERR)) /* there is no frame */
        fault(FAULT_STACK, 0, 0, address, status);
    if (status & (CFSR_IACCVIOL | CFSR_IBUSERR))
        address = frame->pc;
    fault(classify(status, address), frame->pc, frame->lr, address, status);
}

__attribute__((naked)) void exception(void)
{
    __asm__ volatile("tst lr, #4\n" /* EXC_RETURN: which stack was in use */
                     "ite eq\n"
                     "mrseq r0, msp\n"
                     "mrsne r0, psp\n"
                     "b tell");
}
