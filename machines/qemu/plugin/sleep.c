/*
 * Before a core falls asleep, QEMU's clock is brought up to date.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Under sleep=off QEMU's main loop moves the clock of a sleeping guest on to the next timer.  It may look as soon as the
 * core has marked itself halted, which is before the instructions executed last are added to the clock: it then moves
 * the clock on by too much, and the guest passes its boundary by these instructions.  That takes a main loop that was
 * woken earlier and comes late, so it is rare, and depends on what else the computer does.
 */
#include "sleep.h"

#include "processors.h"
#include "symbols.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sleep_instruction {
    const char *target;
    bool ends_block; /* QEMU translates nothing behind it */
    size_t bytes;
    uint32_t value;
    uint32_t mask;
};

static const struct sleep_instruction sleeps[] = {
    {"x86_64", true, 1, 0x000000f4, 0x000000ff},   /* HLT: Intel SDM, volume 2A */
    {"arm", false, 2, 0x0000bf30, 0x0000ffff},     /* WFI, encoding T1: Armv7-M ARM, A7.7.262 */
    {"arm", false, 4, 0x8003f3af, 0xffffffff},     /* WFI, encoding T2; the first halfword is the lower one */
    {"aarch64", true, 4, 0xd503207f, 0xffffffff},  /* WFI: Armv8-A ARM, chapter C6.2 */
    {"riscv32", false, 4, 0x10500073, 0xffffffff}, /* WFI: RISC-V Privileged 1.12, 3.3.3 */
    {"xtensa", false, 3, 0x00007000, 0x00fff0ff},  /* WAITI: Xtensa ISA, chapter 6 */
};

enum { SLEEPS = sizeof sleeps / sizeof sleeps[0], NO_REGISTERS = 0 /* enum qemu_plugin_cb_flags */ };

static struct {
    void *(*get_cpu)(int index);
    void (*account)(void *cpu);
    size_t (*instructions)(const struct qemu_plugin_tb *block);
    void *(*instruction)(const struct qemu_plugin_tb *block, size_t index);
    size_t (*size)(const void *instruction);
    void *(*bytes)(const void *instruction);
    void (*call_before)(void *instruction, void (*cb)(unsigned int vcpu, void *opaque), int flags, void *opaque);
} qemu;

static const char *instruction_set;
static bool only_at_end; /* of a block, which spares Linux guests most of the looking */

bool sleep_bind(const char *target)
{
    bool found = true;

    instruction_set = target;
    only_at_end = true;
    for (int i = 0; i < SLEEPS; i++)
        only_at_end &= sleeps[i].ends_block || strcmp(target, sleeps[i].target) != 0;
    found &= resolve(&qemu.get_cpu, "qemu_get_cpu", NULL);
    found &= resolve(&qemu.account, "icount_update", NULL);
    found &= resolve(&qemu.instructions, "qemu_plugin_tb_n_insns", NULL);
    found &= resolve(&qemu.instruction, "qemu_plugin_tb_get_insn", NULL);
    found &= resolve(&qemu.size, "qemu_plugin_insn_size", NULL);
    found &= resolve(&qemu.bytes, "qemu_plugin_insn_haddr", NULL);
    found &= resolve(&qemu.call_before, "qemu_plugin_register_vcpu_insn_exec_cb", NULL);
    return found;
}

/* The block as a whole has been taken off the vCPU's budget, which is what QEMU counts even where it is left here. */
static void on_sleep(unsigned int vcpu, void *opaque)
{
    (void)opaque;
    qemu.account(qemu.get_cpu((int)vcpu));
    processors_sleep();
}

static bool falls_asleep(const void *instruction)
{
    const void *bytes = qemu.bytes(instruction);
    size_t size = qemu.size(instruction);
    uint32_t value = 0;

    if (!bytes || size > sizeof value)
        return false;
    memcpy(&value, bytes, size);
    for (int i = 0; i < SLEEPS; i++)
        if (size == sleeps[i].bytes && (value & sleeps[i].mask) == sleeps[i].value &&
            strcmp(instruction_set, sleeps[i].target) == 0)
            return true;
    return false;
}

void sleep_watch(struct qemu_plugin_tb *block)
{
    size_t count = qemu.instructions(block);

    for (size_t i = only_at_end ? count - 1 : 0; i < count; i++) {
        void *instruction = qemu.instruction(block, i);

        if (falls_asleep(instruction))
            qemu.call_before(instruction, on_sleep, NO_REGISTERS, NULL);
    }
}
