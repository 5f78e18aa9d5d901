/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors over a VIRTIO 1.2 split virtqueue (section 2.7) in one shared region.
 *
 * Freestanding C99: no libc, no allocation, no global state. The caller gives every end its private memory
 * (vshm_driver_bytes, vshm_device_bytes, vshm_tap_bytes) and its configuration; nothing of the geometry is ever
 * taken from shared memory. docs/ring.md states the layout byte by byte.
 *
 * Every function that can meet a lie of the other side returns
 *     > 0   yes (a slot, a tensor, an event, "kick the peer")
 *     = 0   nothing now
 *     < 0   minus an enum vshm_kind; the details stand in the end's `fault`
 */
#ifndef VSHM_H
#define VSHM_H

#include <stddef.h>
#include <stdint.h>

#define VSHM_API __attribute__((visibility("default")))
#define VSHM_INTERFACE 1u /* changes with any signature or structure below */

#define VSHM_MAX_RANK 6
#define VSHM_MIN_DEPTH 2u
#define VSHM_MAX_DEPTH 32768u /* VIRTIO 1.2, 2.7: the largest queue size */
#define VSHM_NONE 0xffffffffu

/* Feature bits. 29 and 32 are VIRTIO's (section 6); 0..23 belong to the device type, which is ours. */
#define VSHM_F_REVOKE (UINT64_C(1) << 0)     /* the driver may withdraw what the device has not claimed */
#define VSHM_F_EVENT_IDX (UINT64_C(1) << 29) /* VIRTIO_F_EVENT_IDX */
#define VSHM_F_VERSION_1 (UINT64_C(1) << 32) /* VIRTIO_F_VERSION_1 */

/* What a lie is called. Order is part of the interface (errors.py names the same list). */
enum vshm_kind {
    VSHM_K_NONE,
    VSHM_K_LAYOUT,             /* own configuration: depth or size not possible */
    VSHM_K_HEADER,             /* peer's block: magic, version or role */
    VSHM_K_GEOMETRY,           /* peer's block: depth, payload or region size differ from ours */
    VSHM_K_FEATURES,           /* peer's features cannot be agreed with */
    VSHM_K_NEEDS_RESET,        /* peer says that we lied: it wants a restart */
    VSHM_K_AVAILABLE_INDEX,    /* driver: more entries than the ring holds */
    VSHM_K_DESCRIPTOR_ID,      /* driver: head id outside the table */
    VSHM_K_DESCRIPTOR_BUSY,    /* driver: a descriptor that we still hold is offered again */
    VSHM_K_DESCRIPTOR_FLAGS,   /* driver: chained, writable or indirect */
    VSHM_K_DESCRIPTOR_ADDRESS, /* driver: buffer outside the slot area or not aligned */
    VSHM_K_DESCRIPTOR_LENGTH,  /* driver: buffer shorter than a frame or longer than a slot */
    VSHM_K_REVOKED_INDEX,      /* driver: revoked position goes back, or never rests */
    VSHM_K_USED_INDEX,         /* device: returns more than it has */
    VSHM_K_USED_ID,            /* device: returns what it does not have */
    VSHM_K_USED_LENGTH,        /* device: claims to have written into read-only buffers */
    VSHM_K_CLAIMED_INDEX,      /* device: claims what was never published, or goes back */
    VSHM_K_SKIP_LOG,           /* device: its log of skipped positions runs ahead */
    VSHM_K_RECEIPT,            /* device: a receipt contradicts itself (seen by the tap) */
    /* From here on one tensor is bad, not the ring: it is sent back and the next one is taken. */
    VSHM_K_FRAME_HEADER,       /* magic, version, flags or reserved bytes */
    VSHM_K_FRAME_TENSOR,       /* dtype, rank or dimensions impossible */
    VSHM_K_FRAME_BYTES,        /* payload size is not that of the tensor, or not that of the buffer */
    VSHM_K_FRAME_SPEC,         /* a sound tensor, but not the one that this channel carries */
    VSHM_K_FRAME_CRC,
    VSHM_K_COUNT
};

struct vshm_fault {
    uint32_t kind;
    uint32_t reserved;
    uint64_t value; /* what was read */
    uint64_t limit; /* what it was held against */
};

/* Offsets in bytes from the start of the region. */
struct vshm_layout {
    uint32_t depth;
    uint32_t payload_bytes;
    uint32_t slot_bytes; /* distance from slot to slot */
    uint32_t descriptors;
    uint32_t available;
    uint32_t used;
    uint32_t receipts;
    uint32_t slots;
    uint32_t region_bytes;
};

/* Kept by each end, mirrored into its block; exact for its own acts, as of its last act for the peer's. */
struct vshm_counters {
    uint64_t pushed;
    uint64_t popped;
    uint64_t dropped;
    uint64_t kicks;
    uint64_t stalls;
    uint64_t faults;
    uint64_t occupancy;    /* slots published and not returned, now */
    uint64_t high_water;   /* its maximum */
    uint64_t occupancy_ns; /* its integral over time, slots x ns */
    uint64_t since_ns;     /* start of that integral */
    uint64_t until_ns;     /* end of that integral */
};

/* What a tensor is, without its content. */
struct vshm_tensor {
    uint32_t dtype; /* enum vshm_dtype */
    uint32_t rank;
    uint32_t dimensions[VSHM_MAX_RANK];
    double scale;
    int32_t zero_point;
    uint32_t payload_bytes;
};

enum vshm_dtype {
    VSHM_BOOL = 1, VSHM_UINT8, VSHM_INT8, VSHM_UINT16, VSHM_INT16, VSHM_UINT32, VSHM_INT32, VSHM_UINT64,
    VSHM_INT64, VSHM_FLOAT16, VSHM_FLOAT32, VSHM_FLOAT64, VSHM_DTYPES
};

/* A received tensor: the private, checked copy of everything but the payload. */
struct vshm_frame {
    uint32_t id;             /* descriptor */
    uint32_t payload_offset; /* from the start of the region */
    struct vshm_tensor tensor;
    uint64_t sequence;
    uint64_t produced_ns;
    uint64_t origin_sequence;
    uint64_t origin_ns;
};

/*
 * What a driver does when no slot is free. Only the first ever waits; with the others vshm_driver_reserve returns 0 for a
 * tensor that is dropped, and the next call is for the next tensor.
 */
enum vshm_overflow {
    VSHM_BLOCK,       /* returns 0: the device will kick; the same tensor is tried again */
    VSHM_DROP_NEWEST, /* the new tensor is dropped */
    VSHM_DROP_OLDEST  /* the oldest that the device has not claimed is; if it has claimed all, the new one is */
};

struct vshm_driver;
struct vshm_device;
struct vshm_tap;

VSHM_API uint32_t vshm_interface(void);
VSHM_API int vshm_layout_init(struct vshm_layout *layout, uint32_t depth, uint32_t payload_bytes);
VSHM_API uint64_t vshm_counter(void);
VSHM_API uint32_t vshm_crc32(uint32_t crc, const void *bytes, size_t length);

struct vshm_driver_config {
    uint32_t depth;
    uint32_t payload_bytes;
    uint32_t overflow;    /* enum vshm_overflow */
    uint32_t event_index; /* accept VIRTIO_F_EVENT_IDX when it is offered */
    uint32_t crc;         /* put a CRC into every frame */
};

/* The driver side: produces. `now` is the producer's clock in ns. */
VSHM_API size_t vshm_driver_bytes(uint32_t depth);
VSHM_API int vshm_driver_init(struct vshm_driver *driver, void *region, const struct vshm_driver_config *config,
                              uint64_t now);
VSHM_API void vshm_driver_restart(struct vshm_driver *driver, uint64_t now);
VSHM_API int vshm_driver_poll(struct vshm_driver *driver, uint64_t now);
VSHM_API int vshm_driver_reserve(struct vshm_driver *driver, uint64_t now); /* slot number + 1; 0: see overflow */
VSHM_API int vshm_driver_commit(struct vshm_driver *driver, const struct vshm_tensor *tensor,
                                uint64_t origin_sequence, uint64_t origin_ns, int has_origin, uint64_t now);
VSHM_API int vshm_driver_send(struct vshm_driver *driver, const struct vshm_tensor *tensor, const void *payload,
                              uint64_t now);
VSHM_API void vshm_driver_cancel(struct vshm_driver *driver);
VSHM_API int vshm_driver_announce(struct vshm_driver *driver);
VSHM_API const struct vshm_counters *vshm_driver_counters(struct vshm_driver *driver, uint64_t now);
VSHM_API const struct vshm_fault *vshm_driver_fault(const struct vshm_driver *driver);
VSHM_API uint64_t vshm_driver_features(const struct vshm_driver *driver);

struct vshm_device_config {
    uint32_t depth;
    uint32_t payload_bytes;
    uint32_t event_index;                  /* offer VIRTIO_F_EVENT_IDX */
    uint32_t revoke;                       /* offer VSHM_F_REVOKE */
    const struct vshm_tensor *expected;    /* dtype and shape every frame must have, or NULL */
};

/* The device side: consumes. `now` is the consumer's clock in ns. */
VSHM_API size_t vshm_device_bytes(uint32_t depth);
VSHM_API int vshm_device_init(struct vshm_device *device, void *region, const struct vshm_device_config *config,
                              uint64_t now);
VSHM_API void vshm_device_restart(struct vshm_device *device, uint64_t now);
VSHM_API int vshm_device_poll(struct vshm_device *device, uint64_t now);
VSHM_API int vshm_device_take(struct vshm_device *device, struct vshm_frame *frame, uint64_t now);
VSHM_API int vshm_device_give_back(struct vshm_device *device, uint32_t id, uint64_t sequence, uint64_t now);
/* Give the first `returned` of frames[] back, then take up to `most` into it: their number x 2, + 1 to kick. */
VSHM_API int vshm_device_exchange(struct vshm_device *device, struct vshm_frame *frames, uint32_t returned,
                                  uint32_t most, uint64_t now);
VSHM_API uint64_t vshm_device_due(const struct vshm_device *device); /* when the parked tensor is due, or 0 */
VSHM_API int vshm_device_announce(struct vshm_device *device);
VSHM_API const struct vshm_counters *vshm_device_counters(struct vshm_device *device, uint64_t now);
VSHM_API const struct vshm_fault *vshm_device_fault(const struct vshm_device *device);
VSHM_API uint64_t vshm_device_features(const struct vshm_device *device);

enum vshm_tap_kind {
    VSHM_TAP_RESTARTED = 1, /* the driver opened a new session; positions start again */
    VSHM_TAP_PUBLISHED,     /* frame is valid */
    VSHM_TAP_TAKEN,         /* frame.sequence, frame.id, taken_ns */
    VSHM_TAP_RETURNED,      /* the same and returned_ns */
    VSHM_TAP_REVOKED,       /* frame.sequence, frame.id: dropped by drop_oldest */
    VSHM_TAP_LOST           /* count publications went by between two polls */
};

struct vshm_tap_event {
    uint32_t kind;
    uint32_t count;
    uint64_t taken_ns;
    uint64_t returned_ns;
    struct vshm_frame frame;
};

/* The host's observer: reads, never writes the region. */
VSHM_API size_t vshm_tap_bytes(uint32_t depth);
VSHM_API int vshm_tap_init(struct vshm_tap *tap, const void *region, uint32_t depth, uint32_t payload_bytes);
VSHM_API int vshm_tap_poll(struct vshm_tap *tap, struct vshm_tap_event *event);
VSHM_API const struct vshm_fault *vshm_tap_fault(const struct vshm_tap *tap);

#endif
