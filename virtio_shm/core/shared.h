/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in the shared region, and the only ways in which the core touches it. */
#ifndef VSHM_SHARED_H
#define VSHM_SHARED_H

#include "vshm.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "VIRTIO 1.x is little-endian; a big-endian core needs byte swaps here"
#endif

#define VSHM_MAGIC 0x4d485356u       /* "VSHM" */
#define VSHM_FRAME_MAGIC 0x52534e54u /* "TNSR" */
#define VSHM_VERSION 1u
#define VSHM_ROLE_DRIVER 1u
#define VSHM_ROLE_DEVICE 2u
#define VSHM_BLOCK_BYTES 512u
#define VSHM_FRAME_BYTES 128u
#define VSHM_ALIGN 64u
#define VSHM_SKIP_LOG 4u

/* Device status, VIRTIO 1.2 section 2.1. Each end keeps a copy that only it writes. */
#define VSHM_S_ACKNOWLEDGE 1u
#define VSHM_S_DRIVER 2u
#define VSHM_S_DRIVER_OK 4u
#define VSHM_S_FEATURES_OK 8u
#define VSHM_S_NEEDS_RESET 64u
#define VSHM_S_FAILED 128u

/* VIRTIO 1.2 sections 2.7.6 and 2.7.8 */
#define VSHM_AVAIL_F_NO_INTERRUPT 1u
#define VSHM_USED_F_NO_NOTIFY 1u

/* One end's half of the header page. Only that end writes it. */
struct vshm_block {
    uint32_t magic;
    uint16_t version;
    uint16_t role;
    uint32_t depth;
    uint32_t payload_bytes;
    uint32_t region_bytes;
    uint32_t epoch;      /* of this end: grows with every session it opens (driver) or every start (device) */
    uint32_t peer_epoch; /* the epoch of the other end that status and features answer to */
    uint32_t status;
    uint32_t features[2]; /* low, high: accepted (driver) or offered (device) */
    uint32_t reserved0[6];
    uint32_t position; /* driver: revoked; device: claimed */
    uint32_t skip_count;
    uint32_t skipped[VSHM_SKIP_LOG];
    uint32_t receipt_count;
    uint32_t refused; /* driver only: tensors that it dropped before they were published, of counters.dropped */
    uint32_t reserved1[8];
    struct vshm_counters counters;
    uint32_t reserved2[74];
};

/* VIRTIO 1.2 section 2.7.5: struct virtq_desc */
struct vshm_descriptor {
    uint64_t address; /* from the start of the region */
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};

/* VIRTIO 1.2 section 2.7.6: struct virtq_avail; ring[depth] is used_event */
struct vshm_available {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[];
};

struct vshm_used_element {
    uint32_t id;
    uint32_t length;
};

/* VIRTIO 1.2 section 2.7.8: struct virtq_used; the u16 after ring[depth - 1] is avail_event */
struct vshm_used {
    uint16_t flags;
    uint16_t index;
    struct vshm_used_element ring[];
};

/* The device's receipt for the last tensor that it took from a descriptor. Odd version: being written. */
struct vshm_receipt {
    uint64_t sequence;
    uint64_t taken_ns;
    uint64_t returned_ns;
    uint32_t version;
    uint32_t reserved;
};

/* The first 128 bytes of every slot. */
struct vshm_frame_header {
    uint32_t magic;
    uint16_t version;
    uint8_t dtype;
    uint8_t rank;
    uint32_t dimensions[VSHM_MAX_RANK];
    double scale;
    int32_t zero_point;
    uint32_t payload_bytes;
    uint64_t sequence;
    uint64_t produced_ns;
    uint64_t origin_sequence;
    uint64_t origin_ns;
    uint32_t flags;
    uint32_t crc; /* CRC-32 of the bytes before this field, then of the payload */
    uint32_t reserved[10];
};
#define VSHM_FRAME_F_CRC 1u

#define VSHM_CHECK_SIZE(name, type, bytes) typedef char vshm_size_of_##name[sizeof(type) == (bytes) ? 1 : -1]
VSHM_CHECK_SIZE(block, struct vshm_block, VSHM_BLOCK_BYTES);
VSHM_CHECK_SIZE(descriptor, struct vshm_descriptor, 16);
VSHM_CHECK_SIZE(used_element, struct vshm_used_element, 8);
VSHM_CHECK_SIZE(receipt, struct vshm_receipt, 32);
VSHM_CHECK_SIZE(frame_header, struct vshm_frame_header, VSHM_FRAME_BYTES);

/*
 * Indices and words that both ends look at. 16 and 32 bits only: every core has these without a lock.
 * A test may define VSHM_MEANWHILE() to let the other end act between any two of these accesses.
 */
#ifndef VSHM_MEANWHILE
#define VSHM_MEANWHILE() ((void)0)
#endif

static inline uint16_t vshm_load16(const uint16_t *p)
{
    VSHM_MEANWHILE();
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint32_t vshm_load32(const uint32_t *p)
{
    VSHM_MEANWHILE();
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint16_t vshm_acquire16(const uint16_t *p)
{
    VSHM_MEANWHILE();
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline uint32_t vshm_acquire32(const uint32_t *p)
{
    VSHM_MEANWHILE();
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void vshm_store16(uint16_t *p, uint16_t v)
{
    VSHM_MEANWHILE();
    __atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static inline void vshm_store32(uint32_t *p, uint32_t v)
{
    VSHM_MEANWHILE();
    __atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static inline void vshm_release16(uint16_t *p, uint16_t v)
{
    VSHM_MEANWHILE();
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline void vshm_release32(uint32_t *p, uint32_t v)
{
    VSHM_MEANWHILE();
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline void vshm_acquire_fence(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
static inline void vshm_release_fence(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
static inline void vshm_full_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/* Copies whole words once and in order; volatile, so that no compiler reads the shared side again. */
typedef uint32_t __attribute__((may_alias)) vshm_word;

static inline void vshm_copy_in(void *to, const void *shared, size_t bytes)
{
    const volatile vshm_word *from = shared;
    vshm_word *words = to;
    for (size_t i = 0; i < bytes / 4; i++) {
        VSHM_MEANWHILE();
        words[i] = from[i];
    }
}

static inline void vshm_copy_out(void *shared, const void *from, size_t bytes)
{
    volatile vshm_word *to = shared;
    const vshm_word *words = from;
    for (size_t i = 0; i < bytes / 4; i++) {
        VSHM_MEANWHILE();
        to[i] = words[i];
    }
}

static inline void vshm_clear(void *shared, size_t bytes)
{
    volatile vshm_word *to = shared;
    for (size_t i = 0; i < bytes / 4; i++)
        to[i] = 0;
}

/* The later of two 32-bit positions, which may wrap. */
static inline int vshm_after(uint32_t a, uint32_t b) { return (int32_t)(a - b) > 0; }
static inline uint32_t vshm_later(uint32_t a, uint32_t b) { return vshm_after(a, b) ? a : b; }

/* VIRTIO 1.2 section 2.7.10: did the step from old to new pass the event index? */
static inline int vshm_need_event(uint16_t event, uint16_t new_index, uint16_t old)
{
    return (uint16_t)(new_index - event - 1) < (uint16_t)(new_index - old);
}

#endif
