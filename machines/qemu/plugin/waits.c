/*
 * Before a core falls asleep, QEMU's clock is brought up to date; one of several that spins passes its turn on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Under sleep=off QEMU's main loop moves the clock of a sleeping guest on to the next timer.  It may look as soon as the
 * core has marked itself halted, which is before the instructions executed last are added to the clock: it then moves
 * the clock on by too much, and the guest passes its boundary by these instructions.  That takes a main loop that was
 * woken earlier and comes late, so it is rare, and depends on what else the computer does.
 *
 * A core that spins waits for another one.  Were it to do so for the whole of its turn, each of two that wait for each
 * other could find the lock taken for ever: turns are as regular as their loops.
 */
#include "waits.h"

#include "symbols.h"
#include "turns.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wait_instruction {
    const char *target;
    bool sleeps; /* or spins */
    bool ends_block; /* QEMU translates nothing behind it */
    size_t bytes;
    uint32_t value;
    uint32_t mask;
};

static const struct wait_instruction waits[] = {
    {"x86_64", true, true, 1, 0x000000f4, 0x000000ff},   /* HLT: Intel SDM, volume 2A */
    {"x86_64", false, true, 2, 0x000090f3, 0x0000ffff},  /* PAUSE: volume 2B */
    {"arm", true, false, 2, 0x0000bf30, 0x0000ffff},     /* WFI, encoding T1: Armv7-M ARM, A7.7.262 */
    {"arm", true, false, 4, 0x8003f3af, 0xffffffff},     /* WFI, encoding T2; the first halfword is the lower one */
    {"aarch64", true, true, 4, 0xd503207f, 0xffffffff},  /* WFI: Armv8-A ARM, chapter C6.2 */
    {"aarch64", false, true, 4, 0xd503205f, 0xffffffff}, /* WFE, which spins in QEMU */
    {"aarch64", false, true, 4, 0xd503203f, 0xffffffff}, /* YIELD */
    {"riscv32", true, false, 4, 0x10500073, 0xffffffff}, /* WFI: RISC-V Privileged 1.12, 3.3.3 */
    {"xtensa", true, false, 3, 0x00007000, 0x00fff0ff},  /* WAITI: Xtensa ISA, chapter 6 */
};

enum { WAITS = sizeof waits / sizeof waits[0], NO_REGISTERS = 0 /* enum qemu_plugin_cb_flags */ };

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

bool waits_bind(const char *target)
{
    bool found = true;

    instruction_set = target;
    only_at_end = true;
    for (int i = 0; i < WAITS; i++)
        only_at_end &= waits[i].ends_block || strcmp(target, waits[i].target) != 0;
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
    turns_sleep();
}

static void on_spin(unsigned int vcpu, void *opaque)
{
    (void)vcpu;
    (void)opaque;
    turns_pass_on();
}

static const struct wait_instruction *find(const void *instruction)
{
    const void *bytes = qemu.bytes(instruction);
    size_t size = qemu.size(instruction);
    uint32_t value = 0;

    if (!bytes || size > sizeof value)
        return NULL;
    memcpy(&value, bytes, size);
    for (int i = 0; i < WAITS; i++)
        if (size == waits[i].bytes && (value & waits[i].mask) == waits[i].value &&
            strcmp(instruction_set, waits[i].target) == 0)
            return &waits[i];
    return NULL;
}

void waits_watch(struct qemu_plugin_tb *block)
{
    size_t count = qemu.instructions(block);

    for (size_t i = only_at_end ? count - 1 : 0; i < count; i++) {
        void *instruction = qemu.instruction(block, i);
        const struct wait_instruction *found = find(instruction);

        if (found)
            qemu.call_before(instruction, found->sleeps ? on_sleep : on_spin, NO_REGISTERS, NULL);
    }
}
