/* SPDX-License-Identifier: Apache-2.0 */
/* Every exception is the end: find out which one it was (Xtensa ISA Reference Manual, table 4-64). */
#include "fault.h"
#include "stack.h"

#define FAULT_STACK_WORDS 128

enum cause {
    CAUSE_ILLEGAL = 0,
    CAUSE_FETCH_ERROR = 2,
    CAUSE_LOAD_STORE_ERROR = 3,
    CAUSE_DIVIDE_BY_ZERO = 6,
    CAUSE_PRIVILEGED = 8,
    CAUSE_UNALIGNED = 9,
    CAUSE_FIRST_BUS_ERROR = 12, /* from here on: bus, translation and protection of instructions and data */
    CAUSE_LAST_PROTECTION = 29
};

__attribute__((used)) static uint32_t fault_stack[FAULT_STACK_WORDS] __attribute__((aligned(16)));

_Noreturn void exception_tell(uint32_t pc, uint32_t lr, uint32_t address, uint32_t cause);

__attribute__((used)) _Noreturn void exception_tell(uint32_t pc, uint32_t lr, uint32_t address, uint32_t cause)
{
    enum control_fault kind = FAULT_EXCEPTION;
    if (cause == CAUSE_ILLEGAL || cause == CAUSE_DIVIDE_BY_ZERO || cause == CAUSE_PRIVILEGED)
        kind = FAULT_INSTRUCTION;
    else if (cause == CAUSE_FETCH_ERROR || cause == CAUSE_LOAD_STORE_ERROR || cause == CAUSE_UNALIGNED ||
             (cause >= CAUSE_FIRST_BUS_ERROR && cause <= CAUSE_LAST_PROTECTION))
        kind = stack_is_below(address) ? FAULT_STACK : FAULT_MEMORY;
    fault(kind, pc, lr, address, cause);
}

/*
 * The vector table. The debug exception is at 0x280, kernel, user and double exceptions are at 0x300, 0x340 and 0x3c0,
 * on the ESP32 and the ESP32-S3 (ESP-IDF, core-isa.h) and on QEMU's de212. Interrupts are disabled, and windows are not
 * used, so nothing else happens. The debug exception, which `break` makes, leaves its address in EPC6 (special register
 * 182), which the assembler of the smaller core has no name for.
 */
__asm__(".section .vectors, \"ax\"\n"
        ".align 1024\n"
        ".global exception_vectors\n"
        "exception_vectors:\n"
        ".org 0x280\n"
        "j debug_entry\n"
        ".org 0x300\n"
        "j exception_entry\n"
        ".org 0x340\n"
        "j exception_entry\n"
        ".org 0x3c0\n"
        "j exception_entry\n"
        ".align 4\n"
        ".literal_position\n"
        ".type debug_entry, @function\n"
        "debug_entry:\n"
        ".byte 0x20, 182, 0x03\n" /* rsr a2, 182 */
        "mov a3, a0\n"
        "movi a4, 0\n"
        "movi a5, 0\n" /* an illegal instruction, to us */
        "j to_tell\n"
        ".global exception_entry\n"
        ".type exception_entry, @function\n"
        "exception_entry:\n"
        "rsr a2, epc1\n"
        "mov a3, a0\n"
        "rsr a4, excvaddr\n"
        "rsr a5, exccause\n"
        "to_tell:\n"
        "movi a1, fault_stack + 512\n"
        "movi a6, exception_tell\n"
        "jx a6\n"
        ".size exception_entry, . - exception_entry\n"
        ".text");

_Static_assert(sizeof fault_stack == 512, "its end stands in the assembler text above");
