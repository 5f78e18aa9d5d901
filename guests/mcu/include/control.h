/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control page at the start of the window: how host and firmware speak outside of channels. Python twin:
 * machines/mcu/control.py. Little endian; each word has one writer. The host writes only while the core stands still.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stddef.h>
#include <stdint.h>

#define CONTROL_BYTES 4096u
#define CONTROL_MAGIC 0x55434d45u       /* "EMCU" */
#define CONTROL_READY_MAGIC 0x4b4f5746u /* "FWOK" */
#define CONTROL_VERSION 1u
#define CONTROL_CHANNELS 32u
#define CONTROL_PORT_BYTES 16u /* of a port's name with the 0 behind it */
#define CONTROL_LOG_ENTRIES 32u
#define CONTROL_WHOLE_INFERENCE 0xffffffffu
#define CONTROL_F_COUNTER 1u /* flags: instructions are counted in `counter`, else by the core's own counter */

enum control_state { STATE_RESET, STATE_BOOTING, STATE_RUNNING, STATE_FAULT, STATE_STOPPED };

enum control_fault {
    FAULT_EXCEPTION = 1, /* hard fault or an exception of no other kind */
    FAULT_MEMORY,        /* access to an address where nothing is, or that is not allowed */
    FAULT_INSTRUCTION,   /* illegal instruction or misuse of one */
    FAULT_STACK,         /* stack overflow */
    FAULT_PANIC,         /* the firmware gave up: fault_status is its code */
    FAULT_CONTROL_PAGE,  /* magic or version of the control page are not ours: fault_status is what was found */
    FAULT_CHANNEL        /* channels and ports do not go together: fault_status is an enum control_refusal */
};

enum control_role { ROLE_PRODUCER = 1, ROLE_CONSUMER };

/* Why channels are refused. */
enum control_refusal {
    REFUSED_PORT = 1, /* a channel's port does not exist, is taken, or goes the other way */
    REFUSED_GEOMETRY, /* depth, size or place are impossible, or the payload is not that of the port */
    REFUSED_MEMORY,   /* no memory left for the ends of the rings */
    REFUSED_OPEN      /* an input that the service needs has no channel */
};

struct control_channel {
    char port[CONTROL_PORT_BYTES];
    uint32_t role;
    uint32_t offset; /* of the region, from the start of the window */
    uint32_t region_bytes;
    uint32_t depth;
    uint32_t payload_bytes;
    uint32_t overflow; /* enum vshm_overflow */
    uint32_t vector;   /* index into in_count and out_count */
    uint32_t reserved;
};

struct control_inference {
    uint64_t start_ns;
    uint64_t end_ns;
    uint32_t instructions;
    uint32_t origin_sequence;
    uint32_t layer; /* CONTROL_WHOLE_INFERENCE, or the number of one layer */
    uint32_t reserved;
};

struct control_page {
    /* written by the host */
    uint32_t magic;
    uint32_t version;
    uint64_t base_ns;    /* virtual time at which the counter stood at base_count */
    uint64_t base_count;
    uint64_t limit_ns;   /* end of the grant; grows with every one */
    uint32_t ns_numerator;
    uint32_t ns_denominator;
    uint32_t flags;
    uint32_t channel_count;
    uint32_t seed;
    uint32_t reserved0;
    uint64_t quantum_ns;
    uint32_t in_count[CONTROL_CHANNELS]; /* doorbells rung by the host */
    /* written by the emulator */
    uint64_t counter;
    uint32_t reserved1[14];
    /* written by the firmware */
    uint32_t ready_magic;
    uint32_t ready_version;
    uint32_t state; /* enum control_state */
    uint32_t idle;
    uint64_t wake_ns;
    uint32_t heartbeat;
    uint32_t fault_kind; /* enum control_fault */
    uint32_t fault_pc;
    uint32_t fault_lr;
    uint32_t fault_address;
    uint32_t fault_status;
    uint32_t stack_bytes;
    uint32_t stack_high_water;
    uint32_t arena_bytes;
    uint32_t arena_high_water;
    uint32_t inference_count;
    uint32_t slept_count; /* sum of in_count that it knew when it went idle */
    uint32_t reserved2[14];
    uint32_t out_count[CONTROL_CHANNELS]; /* doorbells rung by the firmware */
    /* written by the host */
    struct control_channel channels[CONTROL_CHANNELS];
    /* written by the firmware: entry number i is at i % CONTROL_LOG_ENTRIES */
    struct control_inference inferences[CONTROL_LOG_ENTRIES];
    uint32_t reserved3[256];
};

_Static_assert(sizeof(struct control_page) == CONTROL_BYTES, "the control page is one page");
_Static_assert(offsetof(struct control_page, counter) == 0x0c0, "the emulator counts here");
_Static_assert(offsetof(struct control_page, ready_magic) == 0x100, "the firmware's words");
_Static_assert(offsetof(struct control_page, out_count) == 0x180, "the firmware's doorbells");
_Static_assert(offsetof(struct control_page, channels) == 0x200, "the channel table");
_Static_assert(offsetof(struct control_page, inferences) == 0x800, "the log of inferences");

/* Where the window begins: a symbol of the linker script. */
extern volatile struct control_page control;

#endif
