/*
 * A microcontroller under lockstep: shared regions in its memory, a counter of its instructions, an interrupt.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Loaded with the lockstep plugin when these arguments are given:
 *   window=ADDRESS            where the guest sees the window; RAM of the machine
 *   map=OFFSET:BYTES:FD       a shared region in it, page by page; repeated
 *   counter=OFFSET            of the 64-bit instruction counter in the window
 *   doorbell=TYPE:INPUT:KIND  input of the interrupt controller of this QOM type; absent: the firmware polls.
 *                             KIND pulse: raised and lowered (an edge is latched); raise: only raised (a level is).
 *
 * The regions are mapped over QEMU's own memory for that RAM, so the machine needs no memory backend, and each region
 * is shared by those alone who were given its descriptor.
 */
#define _GNU_SOURCE
#include "microcontroller.h"

#include "symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_REGIONS = 33, TYPE_CHARACTERS = 64 };

struct region {
    uint64_t offset;
    uint64_t bytes;
    int fd;
};

static struct {
    bool present;
    uint64_t address;
    uint64_t counter_offset;
    struct region regions[MAX_REGIONS];
    int region_count;
    char controller[TYPE_CHARACTERS];
    int input;
    bool lowered;
} mcu;

static uint64_t *counter;
static void *doorbell;

/* The counter of API 2 on is a member of a scoreboard, which QEMU allocates: struct qemu_plugin_u64. */
struct entry {
    void *scoreboard;
    size_t offset;
};

enum { ADD_U64 = 0 /* enum qemu_plugin_op */ };

static struct {
    void *(*map)(uint64_t address, uint64_t *bytes, bool is_write);
    uint64_t (*ram_address)(void *host);
    void *(*find_object)(const char *path, const char *type, bool *ambiguous);
    void *(*input)(void *device, int number);
    void (*set_irq)(void *irq, int level);
    size_t (*instructions)(const struct qemu_plugin_tb *block);
    void *(*instruction)(const struct qemu_plugin_tb *block, size_t index);
#if LOCKSTEP_PLUGIN_API == 1
    void (*add)(void *instruction, int op, void *counter, uint64_t amount);
#else
    void (*add)(void *instruction, int op, struct entry entry, uint64_t amount);
    void *(*new_scoreboard)(size_t bytes);
    void *(*find_scoreboard)(void *scoreboard, unsigned int vcpu);
#endif
} qemu;

/* Not in the words of lockstep.c: it is the machine that is described wrongly, and no QEMU lacks anything. */
static _Noreturn void refuse(const char *what)
{
    fprintf(stderr, "microcontroller: %s\n", what);
    _exit(1);
}

static void take_region(const char *text)
{
    struct region *region = &mcu.regions[mcu.region_count++];
    unsigned long long offset, bytes;

    if (mcu.region_count > MAX_REGIONS)
        refuse("too many regions");
    if (sscanf(text, "%llu:%llu:%d", &offset, &bytes, &region->fd) != 3)
        refuse("map=OFFSET:BYTES:FD is needed");
    region->offset = offset;
    region->bytes = bytes;
}

static void take_doorbell(const char *text)
{
    char kind[8];

    if (sscanf(text, "%63[^:]:%d:%7s", mcu.controller, &mcu.input, kind) != 3)
        refuse("doorbell=TYPE:INPUT:KIND is needed");
    mcu.lowered = strcmp(kind, "pulse") == 0;
}

bool mcu_take_argument(const char *argument)
{
    if (strncmp(argument, "window=", 7) == 0) {
        mcu.address = strtoull(argument + 7, NULL, 10);
        mcu.present = true;
    } else if (strncmp(argument, "map=", 4) == 0) {
        take_region(argument + 4);
    } else if (strncmp(argument, "counter=", 8) == 0) {
        mcu.counter_offset = strtoull(argument + 8, NULL, 10);
    } else if (strncmp(argument, "doorbell=", 9) == 0) {
        take_doorbell(argument + 9);
    } else {
        return false;
    }
    return true;
}

bool mcu_present(void)
{
    return mcu.present;
}

bool mcu_bind(void)
{
    bool found = true;

    found &= resolve(&qemu.map, "cpu_physical_memory_map", NULL);
    found &= resolve(&qemu.ram_address, "qemu_ram_addr_from_host", NULL);
    found &= resolve(&qemu.find_object, "object_resolve_path_type", NULL);
    found &= resolve(&qemu.input, "qdev_get_gpio_in", NULL);
    found &= resolve(&qemu.set_irq, "qemu_set_irq", NULL);
    found &= resolve(&qemu.instructions, "qemu_plugin_tb_n_insns", NULL);
    found &= resolve(&qemu.instruction, "qemu_plugin_tb_get_insn", NULL);
#if LOCKSTEP_PLUGIN_API == 1
    found &= resolve(&qemu.add, "qemu_plugin_register_vcpu_insn_exec_inline", NULL);
#else
    found &= resolve(&qemu.add, "qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu", NULL);
    found &= resolve(&qemu.new_scoreboard, "qemu_plugin_scoreboard_new", NULL);
    found &= resolve(&qemu.find_scoreboard, "qemu_plugin_scoreboard_find", NULL);
#endif
    return found;
}

/* QEMU's own memory behind a piece of the window, which must be RAM and in one piece. */
static void *host_memory(uint64_t offset, uint64_t bytes)
{
    uint64_t got = bytes;
    void *memory = qemu.map(mcu.address + offset, &got, true);

    if (!memory || got != bytes || qemu.ram_address(memory) == UINT64_MAX)
        refuse("the window is not within the RAM of this machine");
    return memory;
}

static void map_region(const struct region *region)
{
    void *memory = host_memory(region->offset, region->bytes);

    if ((uintptr_t)memory % (uintptr_t)sysconf(_SC_PAGESIZE))
        refuse("a region of the window does not start at a page");
    if (mmap(memory, region->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, region->fd, 0) != memory)
        refuse("a region cannot be mapped into the window");
    close(region->fd);
}

static void find_doorbell(void)
{
    void *controller = qemu.find_object("", mcu.controller, NULL);

    if (!controller)
        refuse("the machine has not exactly one interrupt controller of the doorbell's type");
    doorbell = qemu.input(controller, mcu.input);
}

void mcu_power_on(void)
{
    static const struct rlimit none;

    setrlimit(RLIMIT_CORE, &none); /* QEMU aborts when a Cortex-M locks up, and nobody wants its core file */
    for (int i = 0; i < mcu.region_count; i++)
        map_region(&mcu.regions[i]);
    counter = host_memory(mcu.counter_offset, sizeof *counter);
    if (mcu.controller[0])
        find_doorbell();
}

#if LOCKSTEP_PLUGIN_API == 1
static void count_one(void *instruction)
{
    qemu.add(instruction, ADD_U64, counter, 1);
}
#else
/* There is one vCPU, so its entry of a scoreboard has a fixed address, and an offset leads from there to the counter. */
static void count_one(void *instruction)
{
    static struct entry entry;

    if (!entry.scoreboard) {
        entry.scoreboard = qemu.new_scoreboard(sizeof *counter);
        entry.offset = (uintptr_t)counter - (uintptr_t)qemu.find_scoreboard(entry.scoreboard, 0);
    }
    qemu.add(instruction, ADD_U64, entry, 1);
}
#endif

/*
 * An addition per instruction, not one per block: a block is also left in its middle (by an exception, or to begin anew
 * at an instruction that reaches a device), and its whole length would then be counted.  The cost is the same: the
 * additions are off the critical path of the code around them.
 */
void mcu_count(struct qemu_plugin_tb *block)
{
    size_t instructions = qemu.instructions(block);

    for (size_t i = 0; i < instructions; i++)
        count_one(qemu.instruction(block, i));
}

void mcu_set_count(uint64_t instructions)
{
    *counter = instructions;
}

void mcu_ring(void)
{
    qemu.set_irq(doorbell, 1);
    if (mcu.lowered)
        qemu.set_irq(doorbell, 0);
}
