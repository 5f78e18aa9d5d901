/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

static const uint8_t item_bytes[VSHM_DTYPES] = {
    [VSHM_BOOL] = 1,   [VSHM_UINT8] = 1,  [VSHM_INT8] = 1,    [VSHM_UINT16] = 2,  [VSHM_INT16] = 2,   [VSHM_UINT32] = 4,
    [VSHM_INT32] = 4,  [VSHM_UINT64] = 8, [VSHM_INT64] = 8,   [VSHM_FLOAT16] = 2, [VSHM_FLOAT32] = 4, [VSHM_FLOAT64] = 8,
};

static uint32_t fail(struct vshm_fault *fault, uint32_t kind, uint64_t value, uint64_t limit)
{
    *fault = (struct vshm_fault){.kind = kind, .value = value, .limit = limit};
    return kind;
}

uint32_t vshm_descriptor_check(const struct vshm_layout *layout, const struct vshm_descriptor *descriptor,
                               struct vshm_fault *fault)
{
    const uint64_t address = descriptor->address;
    const uint32_t length = descriptor->length;
    if (descriptor->flags) /* so `next` is never followed */
        return fail(fault, VSHM_K_DESCRIPTOR_FLAGS, descriptor->flags, 0);
    if (length < VSHM_FRAME_BYTES || length - VSHM_FRAME_BYTES > layout->payload_bytes)
        return fail(fault, VSHM_K_DESCRIPTOR_LENGTH, length, (uint64_t)VSHM_FRAME_BYTES + layout->payload_bytes);
    if (address < layout->slots || address > layout->region_bytes - length || (address & (VSHM_ALIGN - 1)))
        return fail(fault, VSHM_K_DESCRIPTOR_ADDRESS, address, layout->region_bytes);
    return VSHM_K_NONE;
}

uint32_t vshm_tensor_check(const struct vshm_tensor *tensor, struct vshm_fault *fault)
{
    if (tensor->dtype == 0 || tensor->dtype >= VSHM_DTYPES)
        return fail(fault, VSHM_K_FRAME_TENSOR, tensor->dtype, VSHM_DTYPES - 1);
    if (tensor->rank > VSHM_MAX_RANK)
        return fail(fault, VSHM_K_FRAME_TENSOR, tensor->rank, VSHM_MAX_RANK);
    uint64_t bytes = item_bytes[tensor->dtype];
    for (uint32_t axis = 0; axis < VSHM_MAX_RANK; axis++) {
        uint32_t extent = tensor->dimensions[axis];
        if (axis >= tensor->rank ? extent != 0 : extent == 0)
            return fail(fault, VSHM_K_FRAME_TENSOR, extent, axis);
        if (axis < tensor->rank)
            bytes *= extent;
        if (bytes > UINT32_MAX) /* stays below 2^64: both factors were below 2^32 */
            return fail(fault, VSHM_K_FRAME_BYTES, bytes, UINT32_MAX);
    }
    if (tensor->payload_bytes != bytes)
        return fail(fault, VSHM_K_FRAME_BYTES, tensor->payload_bytes, bytes);
    return VSHM_K_NONE;
}

int vshm_tensor_matches(const struct vshm_tensor *tensor, const struct vshm_tensor *expected)
{
    if (tensor->dtype != expected->dtype || tensor->rank != expected->rank)
        return 0;
    for (uint32_t axis = 0; axis < expected->rank; axis++)
        if (tensor->dimensions[axis] != expected->dimensions[axis])
            return 0;
    return 1;
}

static uint32_t frame_crc(const struct vshm_frame_header *header, const unsigned char *slot)
{
    uint32_t crc = vshm_crc32(0, header, offsetof(struct vshm_frame_header, crc));
    return vshm_crc32(crc, slot + VSHM_FRAME_BYTES, header->payload_bytes);
}

void vshm_frame_write(unsigned char *slot, const struct vshm_frame *frame, int crc)
{
    struct vshm_frame_header header = {
        .magic = VSHM_FRAME_MAGIC,
        .version = VSHM_VERSION,
        .dtype = (uint8_t)frame->tensor.dtype,
        .rank = (uint8_t)frame->tensor.rank,
        .scale = frame->tensor.scale,
        .zero_point = frame->tensor.zero_point,
        .payload_bytes = frame->tensor.payload_bytes,
        .sequence = frame->sequence,
        .produced_ns = frame->produced_ns,
        .origin_sequence = frame->origin_sequence,
        .origin_ns = frame->origin_ns,
        .flags = crc ? VSHM_FRAME_F_CRC : 0,
    };
    for (uint32_t axis = 0; axis < VSHM_MAX_RANK; axis++)
        header.dimensions[axis] = frame->tensor.dimensions[axis];
    if (crc)
        header.crc = frame_crc(&header, slot);
    vshm_copy_out(slot, &header, sizeof header);
}

static uint32_t check_header(const struct vshm_frame_header *header, struct vshm_fault *fault)
{
    if (header->magic != VSHM_FRAME_MAGIC)
        return fail(fault, VSHM_K_FRAME_HEADER, header->magic, VSHM_FRAME_MAGIC);
    if (header->version != VSHM_VERSION)
        return fail(fault, VSHM_K_FRAME_HEADER, header->version, VSHM_VERSION);
    if (header->flags & ~VSHM_FRAME_F_CRC)
        return fail(fault, VSHM_K_FRAME_HEADER, header->flags, VSHM_FRAME_F_CRC);
    for (size_t i = 0; i < sizeof header->reserved / sizeof header->reserved[0]; i++)
        if (header->reserved[i])
            return fail(fault, VSHM_K_FRAME_HEADER, header->reserved[i], 0);
    return VSHM_K_NONE;
}

uint32_t vshm_frame_read(const unsigned char *slot, uint32_t length, struct vshm_frame *frame,
                         struct vshm_fault *fault)
{
    struct vshm_frame_header header;
    vshm_copy_in(&header, slot, sizeof header);
    uint32_t kind = check_header(&header, fault);
    if (kind)
        return kind;
    struct vshm_tensor *tensor = &frame->tensor;
    tensor->dtype = header.dtype;
    tensor->rank = header.rank;
    for (uint32_t axis = 0; axis < VSHM_MAX_RANK; axis++)
        tensor->dimensions[axis] = header.dimensions[axis];
    tensor->scale = header.scale;
    tensor->zero_point = header.zero_point;
    tensor->payload_bytes = header.payload_bytes;
    frame->sequence = header.sequence;
    frame->produced_ns = header.produced_ns;
    frame->origin_sequence = header.origin_sequence;
    frame->origin_ns = header.origin_ns;
    kind = vshm_tensor_check(tensor, fault);
    if (kind)
        return kind;
    if (header.payload_bytes != length - VSHM_FRAME_BYTES)
        return fail(fault, VSHM_K_FRAME_BYTES, header.payload_bytes, length - VSHM_FRAME_BYTES);
    if ((header.flags & VSHM_FRAME_F_CRC) && frame_crc(&header, slot) != header.crc)
        return fail(fault, VSHM_K_FRAME_CRC, header.crc, 0);
    return VSHM_K_NONE;
}
