/* SPDX-License-Identifier: Apache-2.0 */
/* The 128 bytes before every payload. */
#ifndef VSHM_FRAME_H
#define VSHM_FRAME_H

#include "shared.h"

/* Does a descriptor's private copy describe one frame within the slot area? A kind, VSHM_K_NONE if it does. */
uint32_t vshm_descriptor_check(const struct vshm_layout *layout, const struct vshm_descriptor *descriptor,
                               struct vshm_fault *fault);

/* Is this a tensor at all, and are its bytes those of its shape? A kind, VSHM_K_NONE if all is well. */
uint32_t vshm_tensor_check(const struct vshm_tensor *tensor, struct vshm_fault *fault);

/* Same dtype and same shape? Scale and zero point may change from tensor to tensor. */
int vshm_tensor_matches(const struct vshm_tensor *tensor, const struct vshm_tensor *expected);

/* Write the header of the slot at `slot`, and the CRC if asked to. The payload is already there. */
void vshm_frame_write(unsigned char *slot, const struct vshm_frame *frame, int crc);

/* Copy the header once, check the copy, fill `frame`. `length` is the buffer's, header included. */
uint32_t vshm_frame_read(const unsigned char *slot, uint32_t length, struct vshm_frame *frame,
                         struct vshm_fault *fault);

#endif
